def shown(user, channel_name):
    """Return the data of a user for the pages in a channel, or None to hide the user."""
    return None if user.is_superuser else {"id": user.pk, "name": user.get_full_name() or user.get_username()}
