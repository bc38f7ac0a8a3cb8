"""Writes phrases.tsv: English sentences and their German, made by a small grammar of this project's own.

python examples/starters/translation/phrases.py

Genders, cases, plurals, verb forms, the verb's second place and negation come out right; the words are those below."""

from __future__ import annotations

import random
from pathlib import Path

COUNT = 24_000
# English, plural, German, gender (m f n), plural; the case endings that are not regular are in INFLECTED
PEOPLE = [
    ("man", "men", "Mann", "m", "Männer"), ("woman", "women", "Frau", "f", "Frauen"),
    ("child", "children", "Kind", "n", "Kinder"), ("boy", "boys", "Junge", "m", "Jungen"),
    ("girl", "girls", "Mädchen", "n", "Mädchen"), ("teacher", "teachers", "Lehrer", "m", "Lehrer"),
    ("doctor", "doctors", "Arzt", "m", "Ärzte"), ("friend", "friends", "Freund", "m", "Freunde"),
    ("dog", "dogs", "Hund", "m", "Hunde"), ("cat", "cats", "Katze", "f", "Katzen"),
    ("bird", "birds", "Vogel", "m", "Vögel"), ("horse", "horses", "Pferd", "n", "Pferde"),
    ("neighbour", "neighbours", "Nachbar", "m", "Nachbarn"), ("guest", "guests", "Gast", "m", "Gäste"),
    ("sister", "sisters", "Schwester", "f", "Schwestern"), ("brother", "brothers", "Bruder", "m", "Brüder"),
]  # fmt: skip
THINGS = [
    ("book", "books", "Buch", "n", "Bücher"), ("house", "houses", "Haus", "n", "Häuser"),
    ("car", "cars", "Auto", "n", "Autos"), ("letter", "letters", "Brief", "m", "Briefe"),
    ("apple", "apples", "Apfel", "m", "Äpfel"), ("cup", "cups", "Tasse", "f", "Tassen"),
    ("table", "tables", "Tisch", "m", "Tische"), ("chair", "chairs", "Stuhl", "m", "Stühle"),
    ("door", "doors", "Tür", "f", "Türen"), ("window", "windows", "Fenster", "n", "Fenster"),
    ("key", "keys", "Schlüssel", "m", "Schlüssel"), ("flower", "flowers", "Blume", "f", "Blumen"),
    ("tree", "trees", "Baum", "m", "Bäume"), ("picture", "pictures", "Bild", "n", "Bilder"),
    ("bag", "bags", "Tasche", "f", "Taschen"), ("bicycle", "bicycles", "Fahrrad", "n", "Fahrräder"),
    ("coat", "coats", "Mantel", "m", "Mäntel"), ("lamp", "lamps", "Lampe", "f", "Lampen"),
]  # fmt: skip
INFLECTED = {"Junge": "Jungen", "Nachbar": "Nachbarn"}
"""Weak nouns: accusative and dative of the singular."""
PLACES = [
    ("garden", "Garten", "m", "in"), ("park", "Park", "m", "in"), ("kitchen", "Küche", "f", "in"),
    ("city", "Stadt", "f", "in"), ("school", "Schule", "f", "in"), ("street", "Straße", "f", "on"),
    ("room", "Zimmer", "n", "in"), ("village", "Dorf", "n", "in"), ("roof", "Dach", "n", "on"),
    ("market", "Markt", "m", "on"), ("forest", "Wald", "m", "in"), ("bridge", "Brücke", "f", "on"),
]  # fmt: skip
# English base, past; German: infinitive, he-form, past (he), past plural
TAKING = [
    ("see", "saw", "sehen", "sieht", "sah", "sahen"), ("buy", "bought", "kaufen", "kauft", "kaufte", "kauften"),
    ("find", "found", "finden", "findet", "fand", "fanden"), ("paint", "painted", "malen", "malt", "malte", "malten"),
    ("carry", "carried", "tragen", "trägt", "trug", "trugen"),
    ("love", "loved", "lieben", "liebt", "liebte", "liebten"),
    ("need", "needed", "brauchen", "braucht", "brauchte", "brauchten"),
    ("look for", "looked for", "suchen", "sucht", "suchte", "suchten"),
    ("forget", "forgot", "vergessen", "vergisst", "vergaß", "vergaßen"),
    ("bring", "brought", "bringen", "bringt", "brachte", "brachten"),
]  # fmt: skip
ALONE = [
    ("sleep", "slept", "schlafen", "schläft", "schlief", "schliefen"),
    ("sing", "sang", "singen", "singt", "sang", "sangen"),
    ("wait", "waited", "warten", "wartet", "wartete", "warteten"),
    ("play", "played", "spielen", "spielt", "spielte", "spielten"),
    ("work", "worked", "arbeiten", "arbeitet", "arbeitete", "arbeiteten"),
    ("laugh", "laughed", "lachen", "lacht", "lachte", "lachten"),
    ("run", "ran", "laufen", "läuft", "lief", "liefen"), ("sit", "sat", "sitzen", "sitzt", "saß", "saßen"),
    ("dance", "danced", "tanzen", "tanzt", "tanzte", "tanzten"),
]  # fmt: skip
LOOKS = [
    ("old", "alt"), ("young", "jung"), ("small", "klein"), ("big", "groß"), ("red", "rot"), ("new", "neu"),
    ("beautiful", "schön"), ("blue", "blau"), ("green", "grün"), ("quiet", "still"), ("good", "gut"),
]  # fmt: skip
TIMES = [
    ("today", "heute"), ("every day", "jeden Tag"), ("in the morning", "am Morgen"), ("on Monday", "am Montag"),
    ("now", "jetzt"), ("often", "oft"), ("in winter", "im Winter"),
]  # fmt: skip
PAST_TIMES = [("yesterday", "gestern"), ("last year", "letztes Jahr"), ("on Sunday", "am Sonntag")]
NAMES = ["Anna", "Peter", "Ada", "Omar", "Lena", "Paul", "Mia", "Jonas"]
THE = {"m": ("der", "den", "dem"), "f": ("die", "die", "der"), "n": ("das", "das", "dem"), "p": ("die", "die", "den")}
A = {"m": ("ein", "einen", "einem"), "f": ("eine", "eine", "einer"), "n": ("ein", "ein", "einem")}
MY = {"m": ("mein", "meinen", "meinem"), "f": ("meine", "meine", "meiner"), "n": ("mein", "mein", "meinem"),
      "p": ("meine", "meine", "meinen")}  # fmt: skip
STRONG = {("m", 0): "er", ("m", 1): "en", ("f", 0): "e", ("f", 1): "e", ("n", 0): "es", ("n", 1): "es"}
NUMBERS = [("two", "zwei"), ("three", "drei"), ("four", "vier"), ("ten", "zehn")]
Pair = tuple[str, str]


def noun_phrase(chance: random.Random, nouns: list[tuple[str, str, str, str, str]], case: int) -> tuple[str, str, bool]:
    """(English, German, plural?) in the nominative (0) or accusative (1)."""
    english, many, german, gender, plural = chance.choice(nouns)
    look = chance.choice(LOOKS) if chance.random() < 0.35 else None
    kind = chance.choice(["the", "a", "my", "the", "a", "the many", "my many", "number"])
    if kind in ("the many", "my many"):
        article = (THE if kind == "the many" else MY)["p"][case]
        words = [article, *([f"{look[1]}en"] if look else []), plural]
        return " ".join([kind.split()[0], *([look[0]] if look else []), many]), " ".join(words), True
    if kind == "number":
        number = chance.choice(NUMBERS)
        words = [number[1], *([f"{look[1]}e"] if look else []), plural]
        return " ".join([number[0], *([look[0]] if look else []), many]), " ".join(words), True
    german = INFLECTED.get(german, german) if case else german
    first = look[0] if look else english
    article = {"the": THE, "a": A, "my": MY}[kind][gender][case]
    ending = ("en" if (gender, case) == ("m", 1) else "e") if kind == "the" else STRONG[gender, case]
    said = "an" if kind == "a" and first[0] in "aeiou" else kind
    words = [article, *([f"{look[1]}{ending}"] if look else []), german]
    return " ".join([said, *([look[0]] if look else []), english]), " ".join(words), False


def place(chance: random.Random) -> Pair:
    english, german, gender, where = chance.choice(PLACES)
    article = THE[gender][2]
    near = {"in": "im" if article == "dem" else f"in {article}", "on": f"auf {article}"}[where]
    return f"{where} the {english}", f"{near} {german}"


def subject(chance: random.Random) -> tuple[str, str, bool]:
    if chance.random() < 0.2:
        name = chance.choice(NAMES)
        return name, name, False
    if chance.random() < 0.2:
        english, german, many = chance.choice([("he", "er", False), ("she", "sie", False), ("we", "wir", True)])
        return english, german, many
    return noun_phrase(chance, PEOPLE, 0)


def third(verb: str) -> str:
    """`looks for` of `look for`."""
    first, _, rest = verb.partition(" ")
    made = f"{first[:-1]}ies" if first.endswith("ry") else f"{first}s"
    return f"{made} {rest}".strip()


def sentence(chance: random.Random) -> Pair:
    who, wer, many = subject(chance)
    taking = chance.random() < 0.6
    verb = chance.choice(TAKING if taking else ALONE)
    what, was = noun_phrase(chance, THINGS, 1)[:2] if taking else ("", "")
    where, wo = place(chance) if chance.random() < 0.5 else ("", "")
    past = chance.random() < 0.35
    when, wann = chance.choice(PAST_TIMES if past else TIMES) if chance.random() < 0.35 else ("", "")
    denied = not taking and chance.random() < 0.2
    german = (verb[5] if many else verb[4]) if past else (verb[2] if many else verb[3])
    if denied:
        english = f"{'did' if past else 'do' if many else 'does'} not {verb[0]}"
    else:
        english = verb[1] if past else verb[0] if many else third(verb[0])
    front = bool(wann) and chance.random() < 0.5
    nicht = "nicht" if denied else ""
    if front:
        left = [when[0].upper() + when[1:] + ",", who, english, what, where]
        right = [wann[0].upper() + wann[1:], german, wer, was, nicht, wo]
    else:
        left = [who[0].upper() + who[1:], english, what, where, when]
        right = [wer[0].upper() + wer[1:], german, was, wann, nicht, wo]
    return " ".join(filter(None, left)) + ".", " ".join(filter(None, right)) + "."


def main() -> None:
    chance = random.Random(0)
    pairs = dict(sentence(chance) for _ in range(COUNT))
    lines = ["text\treferences\n", *(f"{english}\t{german}\n" for english, german in pairs.items())]
    (Path(__file__).parent / "phrases.tsv").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
