def shown(user, channel_name):
    """Return what the pages in a channel see of a user. None hides the user."""
    return None if user.is_superuser else {"id": user.pk, "name": user.get_full_name() or user.get_username()}
