"""A user model with a UUID as its key, whose users log in with their e-mail address."""

from __future__ import annotations

import uuid
from typing import Any, Optional

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models


class Users(UserManager):
    """Takes the arguments that tests use for Django's own users."""

    def create_user(self, username: str = "", email: Optional[str] = None, password: Any = None, **values: Any) -> Any:
        return super().create_user(username, email or f"{username}@example.com", password, **values)

    def create_superuser(
        self, username: str = "", email: Optional[str] = None, password: Any = None, **values: Any
    ) -> Any:
        name = username or str(email).partition("@")[0]
        return super().create_superuser(name, email or f"{name}@example.com", password, **values)


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)

    objects = Users()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["username"]
