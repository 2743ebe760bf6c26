"""The tables the people of Norrhaven are drawn from; weights are relative within their table, ages are in years."""

from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["student", "working", "seeking", "retired"]
Tenure = Literal["rents", "owns", "lets"]

CITY: Final = "Norrhaven"
COUNTRY: Final = "Vesterland"
DISTRICTS: Final = ("Quayside", "the Old Town", "Mill Hill", "Eastfield", "Kiln Park")
GENDERS: Final = (("woman", 49), ("man", 49), ("non-binary", 2))

AGE_BANDS: Final = (((18, 24), 13), ((25, 34), 17), ((35, 44), 17), ((45, 54), 17), ((55, 66), 19), ((67, 89), 17))

# Up to this age: how often each status occurs.
STATUS_BY_AGE: Final[tuple[tuple[int, tuple[tuple[Status, int], ...]], ...]] = (
    (21, (("student", 60), ("working", 34), ("seeking", 6))),
    (24, (("student", 40), ("working", 54), ("seeking", 6))),
    (30, (("student", 12), ("working", 82), ("seeking", 6))),
    (61, (("working", 94), ("seeking", 6))),
    (66, (("working", 62), ("seeking", 3), ("retired", 35))),
    (72, (("working", 10), ("retired", 90))),
    (120, (("retired", 1),)),
)
INCOME_SHARE: Final[dict[Status, float]] = {"student": 1.0, "working": 1.0, "seeking": 0.45, "retired": 0.75}
INCOME_BRACKETS: Final = (
    (0.25, "low"),
    (0.40, "lower middle"),
    (0.55, "middle"),
    (0.70, "upper middle"),
    (1.00, "high"),
)


@dataclass(frozen=True)
class Schooling:
    """One level of education: its name, the age it takes, its weight among people under 60 and from 60 on."""

    name: str
    youngest: int
    weight: int
    weight_from_60: int


UPPER_SECONDARY: Final = 1
BACHELOR: Final = 3
EDUCATION_LEVELS: Final = (
    Schooling("compulsory school", 18, 8, 22),
    Schooling("upper secondary", 18, 22, 24),
    Schooling("vocational training", 20, 28, 30),
    Schooling("bachelor's degree", 22, 25, 15),
    Schooling("master's degree or higher", 24, 17, 9),
)


@dataclass(frozen=True)
class Job:
    """A job: who may hold it (positions in EDUCATION_LEVELS), its pay in [0, 1] and its weight."""

    title: str
    sector: str
    companies: tuple[str, ...]
    education: range
    youngest: int
    pay: float
    weight: int = 2


PORT = ("Nordkai Terminals", "Norrhaven Port Company")
BOATS = ("Norrhaven Boat Owners' Co-operative",)
HOTELS = ("Hotel Skagen", "Quayside Guest House", "Bollard Cafe", "Tern Restaurant")
HOSPITAL = ("Norrhaven General Hospital",)
CARE = ("Kiln Park Care Home", "Norrhaven General Hospital")
SCHOOLS = ("Mill Hill School", "Eastfield School")
COLLEGE = ("Norrhaven University College",)
SHOPS = ("Kettle Lane Books", "Eastfield Market Hall", "Havn Groceries")
BUILDERS = ("Stenmark Builders", "Kiln Park Construction")
SOFTWARE = ("Lodestar Software", "Fjordbyte")
TOWN_HALL = ("Norrhaven Town Hall",)
SHIPYARD = ("Norrhaven Shipyard", "Sundby Pumps")
CULTURE = ("Norrhaven Courier", "Channel North", "Studio Halyard")
OFFICES = ("Northern Savings Bank", "Lindgren Property", "Hadal Accounting")

JOBS: Final = (
    Job("docker", "port and shipping", PORT, range(3), 18, 0.45, 3),
    Job("crane operator", "port and shipping", PORT, range(1, 3), 21, 0.55, 3),
    Job("logistics planner", "port and shipping", PORT, range(2, 5), 23, 0.60, 3),
    Job("ship's pilot", "port and shipping", PORT, range(3, 5), 32, 0.80, 1),
    Job("deckhand", "fishing", BOATS, range(2), 18, 0.35),
    Job("skipper", "fishing", BOATS, range(1, 3), 28, 0.50),
    Job("cook", "tourism", HOTELS, range(3), 18, 0.35),
    Job("waiter", "tourism", HOTELS, range(2), 18, 0.27),
    Job("cafe manager", "tourism", ("Bollard Cafe", "Lantern Cafe"), range(1, 4), 26, 0.45),
    Job("tour guide", "tourism", ("Bay Tours",), range(1, 5), 20, 0.35),
    Job("care assistant", "health and care", CARE, range(3), 18, 0.32, 3),
    Job("nurse", "health and care", HOSPITAL, range(3, 4), 22, 0.55, 5),
    Job("physiotherapist", "health and care", HOSPITAL, range(3, 5), 24, 0.55),
    Job("doctor", "health and care", HOSPITAL, range(4, 5), 29, 0.88, 3),
    Job("preschool assistant", "education", SCHOOLS, range(1, 3), 19, 0.35),
    Job("teacher", "education", SCHOOLS, range(3, 5), 24, 0.55, 5),
    Job("lecturer", "education", COLLEGE, range(4, 5), 29, 0.68),
    Job("shop assistant", "retail", SHOPS, range(3), 18, 0.30, 4),
    Job("warehouse worker", "retail", SHOPS, range(2), 18, 0.37),
    Job("shop manager", "retail", SHOPS, range(1, 4), 27, 0.52),
    Job("labourer", "construction", BUILDERS, range(2), 18, 0.40),
    Job("carpenter", "construction", BUILDERS, range(2, 3), 20, 0.50, 3),
    Job("electrician", "construction", BUILDERS, range(2, 3), 21, 0.55, 3),
    Job("site manager", "construction", BUILDERS, range(2, 5), 29, 0.70),
    Job("support technician", "technology", SOFTWARE, range(1, 4), 20, 0.50),
    Job("software developer", "technology", SOFTWARE, range(3, 5), 22, 0.75, 4),
    Job("clerk", "public administration", TOWN_HALL, range(1, 4), 20, 0.45),
    Job("bus driver", "public administration", ("Norrhaven Transit",), range(1, 3), 22, 0.42),
    Job("social worker", "public administration", TOWN_HALL, range(3, 5), 23, 0.52),
    Job("town planner", "public administration", TOWN_HALL, range(4, 5), 26, 0.68),
    Job("machine operator", "manufacturing", SHIPYARD, range(3), 18, 0.45),
    Job("welder", "manufacturing", SHIPYARD, range(2, 3), 20, 0.50),
    Job("mechanical engineer", "manufacturing", SHIPYARD, range(3, 5), 25, 0.75, 3),
    Job("graphic designer", "culture and media", CULTURE, range(2, 5), 22, 0.45),
    Job("journalist", "culture and media", CULTURE, range(3, 5), 23, 0.50),
    Job("librarian", "culture and media", ("Norrhaven Town Library",), range(3, 5), 25, 0.50),
    Job("estate agent", "finance and property", OFFICES[1:2], range(2, 4), 23, 0.60),
    Job("bank adviser", "finance and property", OFFICES[:1], range(3, 5), 23, 0.65),
    Job("accountant", "finance and property", OFFICES[2:], range(3, 5), 25, 0.70),
)
STUDIES: Final = tuple(
    Job(f"student of {subject}", "education", COLLEGE, range(1, 4), 18, 0.15)
    for subject in (
        "nursing",
        "teaching",
        "logistics",
        "marine biology",
        "computing",
        "engineering",
        "history",
        "economics",
    )
)

# How a home leans on the opinion about rents, and a line of work on the opinion about the harbour.
HOME_PULL: Final[dict[Tenure, float]] = {"rents": 0.24, "owns": -0.24, "lets": -0.50}
SECTOR_PULL: Final = {
    "port and shipping": 0.50,
    "manufacturing": 0.30,
    "construction": 0.30,
    "finance and property": 0.15,
    "technology": 0.0,
    "retail": 0.0,
    "public administration": 0.0,
    "health and care": -0.05,
    "education": -0.05,
    "culture and media": -0.20,
    "tourism": -0.35,
    "fishing": -0.55,
}

HOMES: Final[dict[Tenure, tuple[str, ...]]] = {
    "rents": ("Home is a rented flat in {district}.", "Home is a rented terraced house in {district}."),
    "owns": ("Home is an owner-occupied flat in {district}.", "Home is an owner-occupied house in {district}."),
    "lets": ("Home is an owner-occupied house in {district}, and a second flat is let to tenants.",),
}
STUDENT_HOMES: Final = ("Home is a rented room in {district}.", "Home is a shared rented flat in {district}.")
# A population file's job and company.
JOB_FORMS: Final[dict[Status, tuple[str, str]]] = {
    "student": ("{}", "{}"),
    "working": ("{}", "{}"),
    "seeking": ("jobseeker, formerly {}", "formerly {}"),
    "retired": ("retired {}", "formerly {}"),
}
CAREERS: Final[dict[Status, str]] = {
    "student": "is {article} {title} at {company}",
    "working": "works as {article} {title} at {company}",
    "seeking": "is looking for work, most recently having been {article} {title} at {company}",
    "retired": "has retired after years as {article} {title} at {company}",
}

# By trait, then when it is low and when it is high.
DEMEANOURS: Final = {
    "openness": (("down-to-earth", "plain-spoken"), ("curious", "imaginative")),
    "conscientiousness": (("easy-going", "spontaneous"), ("orderly", "thorough")),
    "extraversion": (("reserved", "quiet"), ("talkative", "outgoing")),
    "agreeableness": (("blunt", "contrary"), ("warm", "obliging")),
    "neuroticism": (("calm", "unhurried"), ("restless", "easily worried")),
}
# Interest, and the ages between which it is offered.
INTERESTS: Final = (
    ("football", 18, 70), ("gaming", 18, 45), ("climbing", 18, 50), ("running", 18, 65), ("live music", 18, 60),
    ("cycling", 18, 75), ("cooking", 18, 99), ("reading", 18, 99), ("photography", 18, 99), ("sea swimming", 18, 99),
    ("sailing", 18, 85), ("chess", 18, 99), ("films", 18, 99), ("dancing", 18, 80), ("baking", 18, 99),
    ("knitting", 25, 99), ("woodwork", 28, 99), ("choir singing", 25, 99), ("gardening", 30, 99),
    ("local history", 35, 99), ("birdwatching", 35, 99), ("crosswords", 45, 99), ("genealogy", 50, 99),
)  # fmt: skip


@dataclass(frozen=True)
class Heritage:
    """Where a family comes from: a name, a background, perhaps a faith, and no bearing on anything else."""

    ethnicity: str
    weight: int
    # Names, separated by spaces.
    feminine: str
    masculine: str
    surnames: str
    religions: tuple[tuple[str, int], ...]
    backgrounds: tuple[str, ...]


NO_RELIGION: Final = "none"
# How a backstory tells each background.
ORIGINS: Final = {
    "old Norrhaven family": "comes from an old Norrhaven family",
    "coastal village": "grew up in a village up the coast",
    "inland countryside": "moved to Norrhaven from the inland",
    "capital city": "moved to Norrhaven from the capital",
    "immigrant family": "comes from a family that moved to Vesterland from abroad",
    "two cultures": "grew up between two languages and two cultures",
}
SETTLED: Final = tuple(ORIGINS)[:4]
IMMIGRANT: Final = tuple(ORIGINS)[4:]

HERITAGES: Final = (
    Heritage(
        "Vesterlandic",
        72,
        "Agnes Anna Astrid Birgit Ebba Elin Elsa Freja Frida Greta Gunhild Hanna Ida Ingrid Johanna Karin Kerstin "
        "Linnea Liv Maja Marit Nora Petra Ragna Ronja Rut Sanna Signe Sigrid Solveig Thea Tilda Tove Tuva Vera Ylva",
        "Aksel Anders Anton Arvid Bjorn Edvin Einar Elias Emil Erik Frode Gunnar Gustav Halvor Henrik Isak Ivar Jonas "
        "Karl Lars Leif Ludvig Magnus Nils Olav Oskar Per Rolf Rune Simon Sten Sven Tage Tobias Tor Viktor",
        "Aalto Ahlgren Bakke Brandt Dahl Eklund Falk Fossum Hagen Hedman Holm Ivarsson Krogh Lie Lund Moen Nygaard "
        "Ostby Palm Rask Sand Solberg Strand Thorsen Vik Wallin",
        ((NO_RELIGION, 55), ("Protestant", 38), ("Catholic", 4), ("Buddhist", 3)),
        SETTLED,
    ),
    Heritage(
        "Polish",
        7,
        "Agnieszka Ewa Joanna Kasia Magda Monika Ola Zofia",
        "Adam Jan Krzysztof Marek Pawel Piotr Tomasz Wojtek",
        "Baran Dudek Kowal Lis Mazur Nowak Sikora Wilk Zajac",
        ((NO_RELIGION, 50), ("Catholic", 50)),
        IMMIGRANT,
    ),
    Heritage(
        "Turkish",
        6,
        "Aylin Defne Elif Esra Leyla Meryem Selin Zeynep",
        "Ahmet Baris Can Deniz Emre Kerem Murat Yusuf",
        "Aksoy Aydin Demir Kaya Ozturk Sahin Tekin Yildiz",
        ((NO_RELIGION, 45), ("Muslim", 55)),
        IMMIGRANT,
    ),
    Heritage(
        "Somali",
        5,
        "Amina Fadumo Halima Hodan Ifrah Nasra Sahra Ubah",
        "Abdi Ayanle Farah Hassan Ismail Liban Mahad Omar",
        "Abdullahi Ali Hersi Jama Mohamud Nur Warsame Yusuf",
        ((NO_RELIGION, 30), ("Muslim", 70)),
        IMMIGRANT,
    ),
    Heritage(
        "Vietnamese",
        5,
        "Anh Chi Hanh Lan Linh Mai Thao Trang",
        "Bao Duc Hieu Khanh Long Minh Quang Tuan",
        "Bui Dang Hoang Le Nguyen Pham Tran Vo",
        ((NO_RELIGION, 50), ("Buddhist", 35), ("Catholic", 15)),
        IMMIGRANT,
    ),
    Heritage(
        "Chilean",
        5,
        "Camila Carmen Elena Ines Paula Rosa Sofia Valentina",
        "Andres Diego Felipe Javier Luis Mateo Pablo Rafael",
        "Araya Castro Fuentes Morales Rojas Soto Torres Vidal",
        ((NO_RELIGION, 55), ("Catholic", 40), ("Protestant", 5)),
        IMMIGRANT,
    ),
)
