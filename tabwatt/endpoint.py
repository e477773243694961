"""Where the proxy is: as a flag says it, else as the settings do."""

from urllib.parse import urlsplit

from tabwatt.errors import UsageError
from tabwatt.settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def url_of(host: str, port: int) -> str:
    """The address under which this machine reaches a listener."""
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def endpoint(given: str | None, settings: Settings) -> str:
    """The proxy's base URL; raises `UsageError` where there can be none."""
    if given is None:
        if not settings.port:
            said = "off" if settings.port is None else "any free one"
            raise UsageError(
                f"the configured port is {said}: say where the proxy is, --endpoint URL"
            )
        return url_of(settings.host, settings.port)
    try:
        parts = urlsplit(given)
        usable = parts.scheme == "http" and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"--endpoint {given}: expected a URL such as http://127.0.0.1:8229")
    return given.rstrip("/")
