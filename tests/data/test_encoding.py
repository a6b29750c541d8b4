"""Encodings before Unicode are guessed from the letters they would make."""

import pytest

from deepwright.data.sources.encoding import find_encoding

TEXTS = {
    "cp1252": ["größe,schön\nä,é\n", "Société Générale,café\nfrançais,où\n", "año,señor\nniño,€5\n", "Malmö,Åre\n", "naïve,ß\n",
               "x,é\n", "Preis €,1\n", "20°C,5\n21°C,6\n", "ÄPFEL,ÖL\n"],
    "cp1250": ["Příklad,město\nPraha,žluťoučký\n", "imię,wiek\nŁukasz,gęś\n"],
    "mac_roman": ["größe,schön\nä,é\n", "café,français\n"], "cp850": ["größe,schön\nä,é\n", "café,français\n"],
    "cp1251": ["имя,возраст,город\nИван,30,Москва\n", "да,нет\n", "цена\nхорошо\nплохо\n"],
    "koi8_r": ["имя,возраст,город\nИван,30,Москва\n"], "cp866": ["имя,возраст,город\nИван,30,Москва\n"],
    "cp1253": ["όνομα,ηλικία,πόλη\nΓιώργος,30,Αθήνα\n"], "cp1255": ["שם,גיל,עיר\nדוד,30,ירושלים\n"],
    "cp1256": ["الاسم,العمر,المدينة\nمحمد,30,القاهرة\n"], "cp874": ["ชื่อ,อายุ,เมือง\nสมชาย,30,กรุงเทพ\n"],
    "cp932": ["名前,年齢,都市\n山田太郎,30,東京\n鈴木,25,大阪\n", "はい,いいえ\nカテゴリ,テスト\n", "日本語"],
    "euc_jp": ["名前,年齢,都市\n山田太郎,30,東京\nさくら,25,大阪\n"], "cp949": ["이름,나이,도시\n김철수,30,서울\n", "예,아니오\n"],
    "gb18030": ["姓名,年龄,城市\n张伟,30,北京\n李娜,25,上海\n", "是,否\n中文好\n"], "big5": ["姓名,年齡,城市\n王小明,30,台北\n"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_the_letters_come_back(name: str, text: str) -> None:
    written = text.encode(name)
    assert written.decode(find_encoding(written, True)) == text


def test_a_beginning_cut_within_a_character_tells_as_much() -> None:
    written = (TEXTS["cp932"][0] * 50).encode("cp932")
    assert find_encoding(written[:-1], False) == "cp932"


def test_a_byte_that_cp1252_lacks_does_not_stop_anything() -> None:
    assert find_encoding("é,1\n".encode("cp1252") * 20_000 + b"\x81,2\n", True) == "latin-1"
