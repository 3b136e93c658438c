"""The inspector: a page of the local gateway that shows each connection live, and breaks it by a click."""
