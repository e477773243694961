import pytest

from estimator.place import is_zone, place, provider_named, provider_of_host, providers


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("API.OpenAI.com.", "openai"),
        ("my-team.openai.azure.com", "azure"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "bedrock"),
        ("us-central1-aiplatform.googleapis.com", "google-vertex"),
        ("generativelanguage.googleapis.com", "google"),
        ("proxy.individual.githubcopilot.com", "github-copilot"),
        ("localhost", "local"),
        ("notapi.openai.com.evil.example", None),
        ("xapi.openai.com", None),
    ],
)
def test_a_host_belongs_to_its_provider(host: str, provider: str | None) -> None:
    assert provider_of_host(host) == provider


def test_open_telemetrys_names_of_providers_are_known() -> None:
    names = ("openai", "mistral_ai", "aws.bedrock", "gcp.vertex_ai", "azure.ai.openai", "x_ai")
    found = [provider_named(name) for name in names]
    ids = ["openai", "mistral", "bedrock", "google-vertex", "azure", "xai"]
    assert [None if one is None else one.id for one in found] == ids


def test_a_zone_given_is_used_with_the_hours_of_the_day() -> None:
    where = place("FR", None)
    assert where.zone == "FR"
    assert where.intensity_g_per_kwh.typical == 41.2  # Ember, 2025
    assert where.intensity_g_per_kwh.low == pytest.approx(41.2 * 0.75)
    assert where.intensity_g_per_kwh.high == pytest.approx(41.2 * 1.25)
    assert "grid:FR" in where.sources


def test_a_region_without_a_row_takes_its_countrys() -> None:
    where = place("FR-IDF", None)
    assert where.zone == "FR-IDF"
    assert where.intensity_g_per_kwh.typical == 41.2
    assert "grid:FR" in where.sources


def test_a_zone_that_no_table_has_is_the_world_and_does_not_pretend() -> None:
    for provider in (None, provider_named("openai")):
        where = place("ZZ", provider)
        assert where.zone is None
        assert where.intensity_g_per_kwh.typical == 460.1  # Ember, world, 2025
        assert "grid:WORLD" in where.sources


def test_a_provider_in_many_zones_gives_their_spread() -> None:
    where = place(None, provider_named("openai"))
    # Weights 2 VA 245, 1 IA 288, 1 OH 485, 2 TX 350, 1 CA 179, 1 OR 166, 1 AZ 313, 1 CO 495:
    # in order 166 179 245 245 288 313 ...: half of the weight of 10 is reached at 288.
    assert where.intensity_g_per_kwh.typical == pytest.approx(287.6)
    assert where.zone == "US"
    assert where.intensity_g_per_kwh.low < 166 * 1.01


def test_nothing_known_is_the_world_and_wide() -> None:
    where = place(None, None)
    assert where.zone is None
    assert where.intensity_g_per_kwh.typical == 460.1  # Ember, world, 2025
    assert where.intensity_g_per_kwh.high / where.intensity_g_per_kwh.low == pytest.approx(5.0)
    assert not where.building_known


def test_a_machine_of_ones_own_has_no_building_and_drinks_nothing() -> None:
    where = place("DE", providers()["local"])
    assert (where.pue.low, where.pue.high) == (1.0, 1.0)
    assert where.wue_l_per_kwh.high == 0.0


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("US", True), ("US-VA", True), ("us-va", False), ("USA", False), ("", False)],
)
def test_zones_are_iso_3166(text: str, is_one: bool) -> None:
    assert is_zone(text) is is_one
