"""What a word, a mark or a number of a text can be to the numbers around it."""

from enum import Enum, auto


class Role(Enum):
    """What an item of a text is to the numbers around it."""

    # There is one of each, so that its place in memory is its hash: Enum's own goes by the name,
    # and took a quarter of the search.
    __hash__ = object.__hash__

    CODE = auto()  # names a one-time code and nothing else
    WORD = auto()  # may name one: code, password, mã
    OTHER = auto()  # names another number: order number, account number, sum
    TOPIC = auto()  # what a code may be for, and what may have a number: account, order
    GOODS = auto()  # like TOPIC, and a "code" beside it is its own: parcel, gift card
    SUM = auto()  # a currency
    CONTACT = auto()  # a number to call, or to write to
    COMPOSE = auto()  # the text to write to such a number: soạn
    SEND = auto()  # gửi: to a number to write to, or what a code is sent for
    OLD = auto()  # the code beside it is no longer good
    AVOID = auto()  # the code behind it is not to be used
    LINK = auto()  # is, là, as
    COLON = auto()  # : = >
    OWNER = auto()  # your, của bạn
    FOR = auto()  # for, cho
    ACT = auto()  # enter, use, nhập
    PURPOSE = auto()  # to sign in, để xác nhận
    SHARE = auto()  # the verb of a warning, or of a message about a code that comes elsewhere
    THIS = auto()  # this (code)
    PROMO = auto()  # talks of a rebate
    PLAIN = auto()  # any other word
    COMMA = auto()
    LINE = auto()
    END = auto()  # of a sentence
    MARK = auto()  # brackets, quotes: they change nothing
    THING = auto()  # something that holds digits and is no code
    NUMBER = auto()  # a candidate


# What names another number than a one-time code, or speaks against the code beside it.
LABELS = {
    Role.OTHER, Role.TOPIC, Role.GOODS, Role.SUM, Role.CONTACT, Role.COMPOSE, Role.SEND, Role.OLD,
    Role.AVOID,
}  # fmt: skip
