"""Builds the people of Norrhaven from a seed, one JSON line each.

What hangs together in life hangs together here. Age leads to schooling, work, income, home and media diet; home and
income lean on opinions about rents, the line of work leans on opinions about the harbour. Name, gender, ethnicity,
background and religion bear on none of these: what draws them is never passed to what draws the rest.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO, TypeVar

import click

from synthetic_communities.scenario import people_tables as tables
from synthetic_communities.scenario.people_tables import Heritage, Job, Status, Tenure

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Life:
    """How a person lives; `education` is a position in EDUCATION_LEVELS, `income` lies in [0, 1]."""

    age: int
    status: Status
    education: int
    job: Job
    company: str
    income: float
    tenure: Tenure


@dataclass(frozen=True, kw_only=True)
class Traits:
    """The five personality traits, each in [0, 1]."""

    openness: float
    conscientiousness: float
    extraversion: float
    agreeableness: float
    neuroticism: float


@dataclass(frozen=True, kw_only=True)
class Leanings:
    """How a person takes part and takes things in, each in [0, 1]."""

    susceptibility: float
    trust_institution: float
    turnout_propensity: float
    confirmation_bias: float
    social_network_influence: float
    risk_aversion: float
    fairness_value: float


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a person is called and where the family comes from; none of it bears on anything else."""

    name: str
    gender: str
    ethnicity: str
    cultural_background: str
    religion: str


@dataclass(frozen=True, kw_only=True)
class Person:
    """One inhabitant: media diet by outlet in shares that add up to one, prior beliefs by subject in [-1, 1]."""

    id: str
    life: Life
    traits: Traits
    leanings: Leanings
    media_diet: dict[str, float]
    prior_beliefs: dict[str, float]
    identity: Identity
    demeanour: str
    interests: tuple[str, ...]
    backstory: str


def pick(rng: random.Random, options: Sequence[tuple[T, int]]) -> T:
    """A value, each as likely as the weight it is paired with."""
    return rng.choices([value for value, _ in options], [weight for _, weight in options])[0]


def clip(value: float, low: float = 0.0) -> float:
    """`value` held within [low, 1] and rounded to two places, never minus zero."""
    return round(min(1.0, max(low, value)), 2) + 0.0


def draw_education(rng: random.Random, age: int, status: Status) -> int:
    """A position in EDUCATION_LEVELS that the age allows; students have what admits them to their studies."""
    if status == "student":
        return tables.UPPER_SECONDARY if age < 23 else rng.choice((tables.UPPER_SECONDARY, tables.BACHELOR))
    within_reach = [(level, s) for level, s in enumerate(tables.EDUCATION_LEVELS) if age >= s.youngest]
    return pick(rng, [(level, s.weight_from_60 if age >= 60 else s.weight) for level, s in within_reach])


def draw_job(rng: random.Random, age: int, status: Status, education: int) -> Job:
    """A job held now, or before retiring or losing it; for students, what they study."""
    pool = tables.STUDIES if status == "student" else tables.JOBS
    return pick(rng, [(job, job.weight) for job in pool if education in job.education and age >= job.youngest])


def draw_income(rng: random.Random, age: int, status: Status, job: Job) -> float:
    """A share of the scale of incomes: the job's pay and some experience, less when out of work or retired."""
    experience = 0.004 * (min(age, 60) - 40)
    return clip(tables.INCOME_SHARE[status] * (job.pay + experience) + rng.gauss(0, 0.06))


def draw_tenure(rng: random.Random, age: int, income: float) -> Tenure:
    """Owning grows with age and income, letting a second home with income; under 22 everybody rents."""
    if age < 22 or rng.random() >= 0.9 * income + 0.012 * (age - 25) - 0.2:
        return "rents"
    return "lets" if rng.random() < 0.8 * (income - 0.4) else "owns"


def draw_life(rng: random.Random) -> Life:
    """How one person lives, each part drawn given those before it."""
    age = rng.randint(*pick(rng, tables.AGE_BANDS))
    status = pick(rng, next(chances for oldest, chances in tables.STATUS_BY_AGE if age <= oldest))
    education = draw_education(rng, age, status)
    job = draw_job(rng, age, status, education)
    company = rng.choice(job.companies)
    income = draw_income(rng, age, status, job)
    tenure = draw_tenure(rng, age, income)
    return Life(age=age, status=status, education=education, job=job, company=company, income=income, tenure=tenure)


def draw_traits(rng: random.Random, life: Life) -> Traits:
    """Traits that lean a little on age and education."""
    return Traits(
        openness=clip(rng.gauss(0.42 + 0.04 * life.education, 0.17)),
        conscientiousness=clip(rng.gauss(0.40 + 0.003 * life.age, 0.16)),
        extraversion=clip(rng.gauss(0.50, 0.18)),
        agreeableness=clip(rng.gauss(0.45 + 0.002 * life.age, 0.16)),
        neuroticism=clip(rng.gauss(0.58 - 0.0025 * life.age, 0.17)),
    )


def draw_leanings(rng: random.Random, life: Life, traits: Traits) -> Leanings:
    """Leanings that follow from traits, age, education and income."""
    trust = clip(rng.gauss(0.30 + 0.04 * life.education + 0.2 * life.income, 0.14))
    pliancy = 0.4 * traits.agreeableness + 0.2 * traits.neuroticism - 0.3 * traits.conscientiousness
    return Leanings(
        susceptibility=clip(rng.gauss(0.34 + pliancy - 0.002 * (life.age - 45), 0.11)),
        trust_institution=trust,
        turnout_propensity=clip(rng.gauss(0.28 + 0.0045 * life.age + 0.03 * life.education + 0.2 * trust, 0.12)),
        confirmation_bias=clip(rng.gauss(0.70 - 0.4 * traits.openness, 0.13)),
        social_network_influence=clip(rng.gauss(0.25 + 0.5 * traits.extraversion, 0.13)),
        risk_aversion=clip(rng.gauss(0.20 + 0.35 * traits.neuroticism + 0.003 * life.age, 0.12)),
        fairness_value=clip(rng.gauss(0.30 + 0.5 * traits.agreeableness, 0.14)),
    )


def split_whole(weights: Sequence[float]) -> list[float]:
    """Shares in whole hundredths that add up to one; the largest takes what rounding leaves over."""
    hundredths = [int(100 * weight / sum(weights)) for weight in weights]
    hundredths[hundredths.index(max(hundredths))] += 100 - sum(hundredths)
    return [number / 100 for number in hundredths]


def draw_media_diet(rng: random.Random, life: Life, traits: Traits) -> dict[str, float]:
    """Social media for the young, broadcast and print for the old, print for the schooled, blogs for the open."""
    seniority = (life.age - 18) / 70
    broadcast = (1.5 - 1.3 * seniority, 0.35 + 0.9 * seniority)
    written = (0.15 + 0.6 * seniority + 0.1 * life.education, 0.10 + 0.4 * traits.openness)
    shares = split_whole([rng.gammavariate(6 * pull, 1) for pull in (*broadcast, *written)])
    return dict(zip(("social_media", "tv", "newspaper", "blogs"), shares, strict=True))


def draw_prior_beliefs(rng: random.Random, life: Life, traits: Traits, leanings: Leanings) -> dict[str, float]:
    """Opinions on four subjects; two subjects of one topic share a lean, so that they agree more often than not."""
    wealth, fairness = life.income - 0.45, leanings.fairness_value - 0.55
    caps = tables.HOME_PULL[life.tenure] - 0.5 * wealth + 0.5 * fairness + rng.gauss(0, 0.27)
    growth = tables.SECTOR_PULL[life.job.sector] - 0.3 * (leanings.risk_aversion - 0.5) + rng.gauss(0, 0.33)
    nature = 0.4 * (traits.openness - 0.5) + 0.3 * (45 - life.age) / 100 - 0.7 * growth
    means = {"rents": caps, "harbour": growth, "market_freedom": 0.5 * wealth - 0.8 * caps, "environment": nature}
    return {subject: clip(rng.gauss(mean, 0.3), low=-1) for subject, mean in means.items()}


def draw_name(rng: random.Random, heritage: Heritage, gender: str, taken: set[str]) -> str:
    """A name not in `taken`; a middle initial tells namesakes apart."""
    pools = {"woman": heritage.feminine, "man": heritage.masculine}
    given = rng.choice(pools.get(gender, f"{heritage.feminine} {heritage.masculine}").split())
    surname = rng.choice(heritage.surnames.split())
    name = f"{given} {surname}"
    while name in taken:
        name = f"{given} {rng.choice('ABCDEFGHIJKLMNOPRSTUVW')}. {surname}"
    return name


def draw_identity(rng: random.Random, taken: set[str]) -> Identity:
    """A name that is not `taken` and what goes with it."""
    gender = pick(rng, tables.GENDERS)
    heritage = pick(rng, [(heritage, heritage.weight) for heritage in tables.HERITAGES])
    return Identity(
        name=draw_name(rng, heritage, gender, taken),
        gender=gender,
        ethnicity=heritage.ethnicity,
        cultural_background=rng.choice(heritage.backgrounds),
        religion=pick(rng, heritage.religions),
    )


def draw_demeanour(rng: random.Random, traits: Traits) -> str:
    """A word for the trait that stands out most."""
    trait, value = max(asdict(traits).items(), key=lambda item: abs(item[1] - 0.5))
    return rng.choice(tables.DEMEANOURS[trait][value >= 0.5])


def draw_interests(rng: random.Random, age: int) -> tuple[str, ...]:
    """Two to four interests offered at that age."""
    offered = [interest for interest, youngest, oldest in tables.INTERESTS if youngest <= age <= oldest]
    return tuple(rng.sample(offered, rng.randint(2, 4)))


def draw_backstory(rng: random.Random, life: Life, identity: Identity) -> str:
    """Two sentences that agree with the person's background, work and home."""
    article = "an" if life.job.title[0] in "aeiou" else "a"
    career = tables.CAREERS[life.status].format(article=article, title=life.job.title, company=life.company)
    homes = tables.STUDENT_HOMES if life.status == "student" and life.tenure == "rents" else tables.HOMES[life.tenure]
    home = rng.choice(homes).format(district=rng.choice(tables.DISTRICTS))
    return f"{identity.name.split()[0]} {tables.ORIGINS[identity.cultural_background]} and {career}. {home}"


def draw_person(rng: random.Random, number: int, taken: set[str]) -> Person:
    """The person with that number, whose name is none of those `taken`."""
    life = draw_life(rng)
    traits = draw_traits(rng, life)
    leanings = draw_leanings(rng, life, traits)
    identity = draw_identity(rng, taken)
    return Person(
        id=f"p{number:03d}",
        life=life,
        traits=traits,
        leanings=leanings,
        media_diet=draw_media_diet(rng, life, traits),
        prior_beliefs=draw_prior_beliefs(rng, life, traits, leanings),
        identity=identity,
        demeanour=draw_demeanour(rng, traits),
        interests=draw_interests(rng, life.age),
        backstory=draw_backstory(rng, life, identity),
    )


def build_people(rng: random.Random, count: int) -> list[Person]:
    """`count` people (1 to 5000: then names run out) with ids from p001 on; fewer are the beginning of more."""
    people: list[Person] = []
    taken: set[str] = set()
    for number in range(1, count + 1):
        people.append(draw_person(rng, number, taken))
        taken.add(people[-1].identity.name)
    return people


def format_person(person: Person) -> str:
    """The person as one line of JSON, its parts flattened to the keys of a population file."""
    life = person.life
    job, company = tables.JOB_FORMS[life.status]
    record = {
        "id": person.id,
        **asdict(person.identity),
        "age": life.age,
        "city": tables.CITY,
        "country": tables.COUNTRY,
        "job": job.format(life.job.title),
        "company": company.format(life.company),
        "sector": life.job.sector,
        "education_level": tables.EDUCATION_LEVELS[life.education].name,
        "income_bracket": next(name for highest, name in tables.INCOME_BRACKETS if life.income <= highest),
        "demeanour": person.demeanour,
        "interests": person.interests,
        "backstory": person.backstory,
        **asdict(person.leanings),
        "media_diet": person.media_diet,
        "personality_traits": asdict(person.traits),
        "prior_beliefs": person.prior_beliefs,
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


@click.command()
@click.option("--count", type=click.IntRange(1, 5000), default=100, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--output", type=click.File("wb"), default="-", help="A file to write; by default standard output.")
def main(count: int, seed: int, output: BinaryIO) -> None:
    """Print the people of Norrhaven, one JSON object a line."""
    for person in build_people(random.Random(seed), count):
        output.write(format_person(person).encode())


if __name__ == "__main__":
    main()
