"""Units behind a number, and words for digits, by language."""

import re

from simlet.domain.code_tables import pattern_of
from simlet.domain.code_text import clean, fold

# What counts something, right behind a number: a sum, or else a time or an amount.
_SUMS = """
vnd | d | dong | usd | eur | euro | euros | nghin | ngan | trieu | tr | ty | rub | rp | idr
php | inr | dollars | thb | baht | tl | try | zl | pln | kr | sek | xu | gb | mb | points | diem
coins | k | usdt | btc | eth | bnb
"""
_UNITS = """
phut | giay | gio | tieng | ngay | thang | nam | lan | ky tu | chu so | minute | minutes | min
mins | second | seconds | sec | secs | hour | hours | hr | hrs | day | days | week | weeks
month | months | year | years | times | digits | digit | characters | chars | minuten | minuto
minutos | minuti | sekunden | segundos | stunden | horas | heures | jours | tage | dias | menit
detik | jam | hari | dakika | saniye | saat | minut | minuty | sekund | godzin | point | sao
coin | items | sms | tin | tin nhan | phan tram | percent | kb | tb | km | kg | cm | mm
"""
# The same, with no blank between: 90s, 450k.
_GLUED_UNITS = (
    "p|ph|phut|s|giay|sec|h|m|min|mins|k|d|tr|vnd|usd|gb|mb|kb|km|kg|g|cm|mm|mah|w|v|hz|mp|x|"
    "th|st|nd|rd"
)
# The same in other scripts, where no blank parts a unit from the words behind it.
_OTHER_SUMS = "元|円|块|원(?![가-힣])|руб|р\\b|บาท|ريال|درهم|جنيه|रुपये"
_OTHER_UNITS = (
    "年|月|日|号|分|秒|小时|小時|天|位|次|人|名|時|년|월|일|분|초|시|원|자리|회|"
    "минут|мин|сек|час|дн|день|дней|год|хв|годин|λεπτ|"
    "นาที|วินาที|ชั่วโมง|วัน|នាទី|វិនាទី|"
    "دقيقة|دقائق|دقيقه|ثانية|ثوان|ساعة|ساعات|"
    "मिनट|सेकंड|घंटे|דקות"
)

_DIGIT_WORDS = """
vi  không | một | hai | ba | bốn | năm | sáu | bảy | tám | chín
vi  linh | mốt | - | - | tư | lăm | - | bẩy | - | -
en  zero | one | two | three | four | five | six | seven | eight | nine
en  oh | - | - | - | - | - | - | - | - | niner
en  o | - | - | - | - | - | - | - | - | -
es  cero | uno | dos | tres | cuatro | cinco | seis | siete | ocho | nueve
pt  - | um | dois | três | quatro | - | - | sete | oito | nove
pt  - | uma | duas | - | - | - | meia | - | - | -
fr  zéro | un | deux | trois | quatre | cinq | - | sept | huit | neuf
de  null | eins | zwei | drei | vier | fünf | sechs | sieben | acht | neun
de  - | - | zwo | - | - | - | - | - | - | -
id  nol | satu | dua | tiga | empat | lima | enam | tujuh | delapan | sembilan
id  kosong | - | - | - | - | - | - | - | - | -
it  - | - | due | tre | quattro | cinque | sei | sette | otto | nove
tr  sıfır | bir | iki | üç | dört | beş | altı | yedi | sekiz | dokuz
pl  - | jeden | dwa | trzy | cztery | pięć | sześć | siedem | osiem | dziewięć
ru  ноль | один | два | три | четыре | пять | шесть | семь | восемь | девять
th  ศูนย์ | หนึ่ง | สอง | สาม | สี่ | ห้า | หก | เจ็ด | แปด | เก้า
ko  공 | 일 | 이 | 삼 | 사 | 오 | 육 | 칠 | 팔 | 구
ko  영 | - | - | - | - | - | 륙 | - | - | -
zh  零 | 一 | 二 | 三 | 四 | 五 | 六 | 七 | 八 | 九
zh  〇 | 幺 | 两 | - | - | - | - | - | - | -
hi  शून्य | एक | दो | तीन | चार | पांच | छह | सात | आठ | नौ
ar  صفر | واحد | اثنان | ثلاثة | أربعة | خمسة | ستة | سبعة | ثمانية | تسعة
"""


def _digit_words() -> dict[str, str]:
    values: dict[str, str] = {}
    for line in _DIGIT_WORDS.strip().splitlines():
        for digit, word in enumerate(line[4:].split("|")):
            values[fold(clean(word)).strip()] = str(digit)
    del values["-"]
    return values


def _units(table: str) -> str:
    return pattern_of(word.strip() for word in re.split(r"[|\n]", table.strip()))


# Word for a digit, folded → the digit.
DIGIT_OF = _digit_words()
# Word → how often the digit behind it is said.
REPEATS = {"double": 2, "triple": 3}
# Match right behind a number: what makes it a sum, or else a time or an amount.
SUM_BEHIND = re.compile(
    rf" ?(?:(?:{_units(_SUMS)})(?![a-z0-9])|{fold(_OTHER_SUMS)}|\$(?!\d)|%(?![a-z]))"
)
UNIT_BEHIND = re.compile(rf" ?(?:(?:{_units(_UNITS)})(?![a-z0-9])|{fold(_OTHER_UNITS)})")
# Matches a number and its unit, in full, that are written as one word: 90s, 450k.
QUANTITY = re.compile(
    rf"[0-9]{{1,4}}(?:{_GLUED_UNITS})|[0-9]{{1,3}}(?:k|tr|ty)[0-9]{{1,3}}|[0-9]+(?:{_units(_SUMS)})|[0-9]{{1,2}}(?:{_units(_UNITS)})"
)
