"""Objects in memory, for what asks no more of a store."""

import json
from collections.abc import Callable
from typing import Any


class Kept(dict[str, bytes]):
    """Objects by key, as a tracker or a registry asks for them."""

    root = "memory"

    def get_object(self, key: str) -> bytes | None:
        return self.get(key)

    def put_object(self, key: str, content: bytes) -> None:
        self[key] = content

    def update_json(self, key: str, change: Callable[[Any], Any]) -> Any:
        content = change(json.loads(self[key]) if key in self else None)
        self[key] = json.dumps(content).encode()
        return content

    def list_objects(self, prefix: str) -> list[str]:
        return sorted(key for key in self if key.startswith(prefix))
