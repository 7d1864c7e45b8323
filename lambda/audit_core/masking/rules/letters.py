"""Letters as data: which characters imitate ASCII or are invisible, and which letters stand side by side in words."""

from __future__ import annotations

INVISIBLE = (
    *range(0x01, 0x09),
    0x0B,
    0x0C,
    *range(0x0E, 0x20),
    0x7F,
    0xAD,
    *range(0x0300, 0x0370),
    0x061C,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x1AB0, 0x1B00),
    *range(0x1DC0, 0x1E00),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0x20D0, 0x2100),
    0x3164,
    *range(0xFE00, 0xFE10),
    *range(0xFE20, 0xFE30),
    0xFEFF,
    0xFFA0,
    *range(0xFFF9, 0xFFFC),
    *range(0xE0000, 0xE0080),
    *range(0xE0100, 0xE01F0),
)
SPACES = (0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
QUOTES = {
    0x2018: "'",
    0x2019: "'",
    0x201A: "'",
    0x201B: "'",
    0x201C: '"',
    0x201D: '"',
    0x201E: '"',
    0x00AB: '"',
    0x00BB: '"',
    0x2032: "'",
    0x2033: '"',
}
DASHES = (0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0xFE58, 0xFE63)
LOOKALIKES = {
    ord(character): plain
    for imitations, plains in (
        ("АВЕКМНОРСТУХЅІЈԌԚԜӀҺѴ", "ABEKMHOPCTYXSIJGQWIHV"),
        ("аеорсухіјѕԁһкӏԛԝѵѡ", "aeopcyxijsdhklqwvw"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "ABEZHIKMNOPTYXC"),  # noqa: RUF001 - what imitates is the point
        ("αοντυρικχγϲϳ", "aovtupikxycj"),
        ("օհոսցզ", "ohnugq"),  # noqa: RUF001 - what imitates is the point
        ("ɡɑɩıȷᴏ", "gaiijo"),
        ("ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ", "ABCDEFGHIJKLMNOPRSTUVWXYZ"),  # noqa: RUF001 - what imitates is the point
        *((map(chr, range(zero, zero + 10)), "0123456789") for zero in (0x0660, 0x06F0, 0x07C0, 0x0966)),
    )
    for character, plain in zip(imitations, plains, strict=True)
}
COMPATIBLE = (
    *range(0x02B0, 0x02B9),
    *range(0x02E0, 0x02E4),
    *range(0x1D2C, 0x1D6B),
    *range(0x2070, 0x20A0),
    *range(0x2100, 0x2190),
    *range(0x2460, 0x2500),
    *range(0x3200, 0x3400),
    *range(0xFB00, 0xFB07),
    *range(0xFE50, 0xFE70),
    *range(0xFF01, 0xFF5F),
    *range(0x1D400, 0x1D800),
    *range(0x1F100, 0x1F1AC),
    0xB2,
    0xB3,
    0xB9,
    0xAA,
    0xBA,
)
PAIRS = (
    "37873474725989272989665563"
    "73547332651733631664610041"
    "82648338717743942668622251"
    "74469452842544741665642341"
    "85897764624879576998566752"
    "62336631801633721655611040"
    "62328256611546530764532132"
    "73338212712443720545421041"
    "76877771334879973788371516"
    "40014100302111410130411010"
    "51237222601424421352314122"
    "84469442913834841376642171"
    "86348221702563770364611141"
    "84888693735546752389663242"
    "56774563635789671977867433"
    "83448426603733762867623160"
    "10110000000101011220701000"
    "94669563915576851687654261"
    "63749547825554773489734251"
    "83659438912654851887635373"
    "67656551611778460777221301"
    "71228221701232530221022111"
    "61236215601425621553113200"
    "42525322500331250236211231"
    "33435321401445360355223022"
    "40116101400121410111100022"
)
"""How common each pair of letters is in words, `aa` to `zz`: log2 of the ratio to chance, plus 6, in 0 to 9."""
