"""What of people and customers may be kept in clear text."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from dealcast.settings.section import Section

SHORTEST_KEY = 16


class PrivacySettings(Section):
    """Pseudonyms in the place of names, from the moment that an export comes in."""

    pseudonyms: tuple[Literal["sales_agent", "account"], ...] = Field(
        (),
        description="Whose names are replaced before anything is kept: sales_agent (managers "
        "too), account (parent companies too).",
    )
    key: SecretStr | None = Field(
        None,
        description="Secret that pseudonyms are made with; the same key gives the same ones.",
    )

    @field_validator("key")
    @classmethod
    def _key_is_long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(f"must have {SHORTEST_KEY} characters or more")
        return key
