"""Services: what a code is for, what it costs, how long it is waited for, what fits it."""

from dataclasses import dataclass
from enum import Enum

from simlet.domain.principal import Tier


class Category(Enum):
    """What sort of service it is; four are closed until the operator opens a service."""

    GENERAL = "general"
    FINANCE = "finance"
    GOVERNMENT_IDENTITY = "government_identity"
    HEALTH = "health"
    CRYPTO = "crypto"

    @property
    def closed(self) -> bool:
        """Whether a service of it needs an opening, with a reason that is recorded."""
        return self is not Category.GENERAL


@dataclass(frozen=True, slots=True)
class Prices:
    """The price of one rental for each tier, in đồng; each above 0."""

    member_dong: int
    dealer_dong: int
    distributor_dong: int

    def for_tier(self, tier: Tier) -> int:
        """The price of a tier, in đồng."""
        match tier:
            case Tier.MEMBER:
                return self.member_dong
            case Tier.DEALER:
                return self.dealer_dong
            case Tier.DISTRIBUTOR:
                return self.distributor_dong


@dataclass(frozen=True, slots=True)
class MatchRules:
    """What a message must look like to belong to a service.

    Attributes:
        senders: names or numbers of senders; compared without case, numbers in any spelling.
        texts: patterns, one of which is to be found in the text.
        catch_all: any message fits.
        code_pattern: the service's own pattern of its code; None for the general search.
    """

    senders: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    catch_all: bool = False
    code_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a dealer may do with a rental while it waits.

    Attributes:
        cancel_after_s: so long after its beginning it may be cancelled.
        extend_s: by so much an extension lengthens it; 0 where there is none.
        extend_times: so often it may be extended.
    """

    cancel_after_s: int = 0
    extend_s: int = 0
    extend_times: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """A service as rules see it.

    Attributes:
        opened: the operator opened its closed category.
        queued_count: how many requests for a line of it are queued.
    """

    id: int
    store: str
    name: str
    prices: Prices
    waiting_s: int
    rules: MatchRules
    category: Category
    paused: bool
    opened: bool
    terms: Terms = Terms()
    queued_count: int = 0

    @property
    def rentable(self) -> bool:
        """Whether it may be rented at all now."""
        return not self.paused and (self.opened or not self.category.closed)
