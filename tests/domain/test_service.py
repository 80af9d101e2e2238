import pytest

from simlet.domain.principal import Tier
from simlet.domain.service import Category, MatchRules, Prices, Service

PRICES = Prices(member_dong=900, dealer_dong=700, distributor_dong=500)
CLOSED = [Category.FINANCE, Category.GOVERNMENT_IDENTITY, Category.HEALTH, Category.CRYPTO]


def service(
    category: Category = Category.GENERAL, *, paused: bool = False, opened: bool = False
) -> Service:
    return Service(
        4, "01", "Yahoo", PRICES, 300, MatchRules(catch_all=True), category, paused, opened
    )


@pytest.mark.parametrize(
    ("tier", "price_dong"),
    [(Tier.MEMBER, 900), (Tier.DEALER, 700), (Tier.DISTRIBUTOR, 500)],
    ids=str,
)
def test_each_tier_has_its_own_price(tier: Tier, price_dong: int) -> None:
    assert PRICES.for_tier(tier) == price_dong


def test_just_these_four_categories_are_closed() -> None:
    assert [category for category in Category if category.closed] == CLOSED


def test_a_service_of_no_closed_category_may_be_rented_at_once() -> None:
    assert service().rentable


@pytest.mark.parametrize("category", CLOSED, ids=str)
def test_a_service_of_a_closed_category_may_be_rented_only_once_it_is_opened(
    category: Category,
) -> None:
    assert not service(category).rentable
    assert service(category, opened=True).rentable


@pytest.mark.parametrize("category", Category, ids=str)
def test_a_paused_service_is_never_rented(category: Category) -> None:
    assert not service(category, paused=True, opened=True).rentable
