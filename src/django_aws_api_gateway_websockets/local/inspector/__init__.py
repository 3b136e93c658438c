"""The inspector: a page of the local gateway that shows each connection live and can break it with a click."""
