"""Variable `$authorization` of a call (DSL, "Authorization Descriptor")."""

from __future__ import annotations

import base64
from typing import Any


def descriptor(policy: Any) -> dict[str, Any] | None:
    """Return the authorization that a policy gives before the call, or None."""
    if not isinstance(policy, dict):
        return None
    if isinstance(basic := policy.get("basic"), dict):
        pair = f"{basic.get('username')}:{basic.get('password')}".encode()
        return {"scheme": "Basic", "parameter": base64.b64encode(pair).decode()}
    if "bearer" in policy:
        bearer = policy["bearer"]
        return {
            "scheme": "Bearer",
            "parameter": bearer.get("token") if isinstance(bearer, dict) else bearer,
        }
    return {"scheme": "Digest", "parameter": None} if "digest" in policy else None
