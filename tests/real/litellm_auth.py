"""Two keys for the LiteLLM proxy of the tests: one as it is, one with a limit of two requests a minute."""

from litellm.proxy._types import ProxyException, UserAPIKeyAuth


async def check(request, api_key: str) -> UserAPIKeyAuth:
    """The user of a key; an unknown key is refused as LiteLLM itself refuses one."""
    if api_key == "first-key":
        return UserAPIKeyAuth(api_key=api_key)
    if api_key == "limited-key":
        return UserAPIKeyAuth(api_key=api_key, rpm_limit=2)
    raise ProxyException(message="unknown key", type="auth_error", param=None, code=401)
