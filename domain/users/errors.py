"""Errors of people, their types and roles."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Denied, Invalid, NotFound


class UserNotFound(NotFound):
    """There is no such user."""

    code = "user.not_found"

    def __init__(self) -> None:
        """Names no field."""
        super().__init__("There is no such user.")


class UserNameInvalid(Invalid):
    """A user name is empty, too long, unprintable, or somebody else's e-mail address."""

    code = "user.user_name_invalid"

    def __init__(self, message: str) -> None:
        """The field is the user name."""
        super().__init__(message, field="user_name")


class PersonNameInvalid(Invalid):
    """The name of a person is too long or unprintable."""

    code = "user.name_invalid"

    def __init__(self, message: str) -> None:
        """The field is the name."""
        super().__init__(message, field="name")


class UserNameTaken(Conflict):
    """Another user has this user name, or one that differs in case only."""

    code = "user.user_name_taken"

    def __init__(self) -> None:
        """The field is the user name."""
        super().__init__("Another user has this user name.", field="user_name")


class EmailInvalid(Invalid):
    """An e-mail address has not the form of one."""

    code = "user.email_invalid"

    def __init__(self) -> None:
        """The field is the e-mail."""
        super().__init__("This is not an e-mail address.", field="email")


class EmailTaken(Conflict):
    """Another user has this e-mail address."""

    code = "user.email_taken"

    def __init__(self) -> None:
        """The field is the e-mail."""
        super().__init__("Another user has this e-mail address.", field="email")


class UserTypeNotFound(NotFound):
    """There is no such user type."""

    code = "user.type_not_found"

    def __init__(self) -> None:
        """The field is the user type."""
        super().__init__("There is no such user type.", field="user_type_id")


class UserTypeNameTaken(Conflict):
    """Another user type has this name."""

    code = "user.type_name_taken"

    def __init__(self) -> None:
        """The field is the name."""
        super().__init__("Another user type has this name.", field="name")


class RoleNotFound(NotFound):
    """There is no such role."""

    code = "user.role_not_found"

    def __init__(self) -> None:
        """The field is the role."""
        super().__init__("There is no such role.", field="role")


class RoleBeyondOwn(Denied):
    """Nobody grants or takes a role with permissions they do not hold themselves."""

    code = "user.role_beyond_own"

    def __init__(self) -> None:
        """The field is the role."""
        super().__init__("You cannot give or take a role that may do more than you.", field="role")


class PersonBeyondOwn(Denied):
    """Nobody opens the account of a person who may do more: they would become that person."""

    code = "user.beyond_own"

    def __init__(self) -> None:
        """The person is not described further."""
        super().__init__("This person may do more than you.")
