"""Session engines of a site: subclasses of Django's."""
