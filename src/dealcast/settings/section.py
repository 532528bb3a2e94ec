"""What every part of the settings is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the tree: frozen, unknown keys refused, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
