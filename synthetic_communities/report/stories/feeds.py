"""Posts and feeds, found in a run and told."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from operator import index

from ...domain.key import key_part
from ...errors import UsageError
from ...runs.directory import EPOCHS
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..roster import Roster, describe_mind, spell_lost
from ..text import clean_text, count_of
from .outline import Item, Section, Told, spell_name


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it stood at some moment.

    Attributes:
        id: of the post.
        author_id: who wrote it.
        name: of the author; the id if none is known.
        epoch: when it was written, from 0.
        text: the words; None: they are not recorded.
        likes: thumbs up at the moment; None: not recorded.
        dislikes: thumbs down at the moment; None: not recorded.
        source: where the words come from; empty: nobody said.
    """

    id: str
    author_id: str
    name: str = field(kw_only=True)
    epoch: int | None = field(kw_only=True)
    text: str | None = field(kw_only=True)
    likes: int | None = field(kw_only=True)
    dislikes: int | None = field(kw_only=True)
    source: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Feed(Told):
    """All posts there are at the end of an epoch.

    Attributes:
        epoch: from 0.
        posts: in the order of the record, with the reactions they have had by then.
        mind: name of the mind people think with.
    """

    epoch: int
    posts: tuple[Post, ...]
    mind: str = field(kw_only=True)

    def __repr__(self) -> str:
        return f"Feed({self.epoch}, {count_of(len(self.posts), 'posts')})"

    def sections(self) -> Sequence[Section]:
        """Return it as an outline."""
        title = f"Feed at the end of epoch {self.epoch}: {count_of(len(self.posts), 'posts')}"
        who = Item(describe_mind(self.mind, "People"))
        return [Section(title, (who, *(post_item(post) for post in self.posts)))]


def post_item(post: Post, *, note: str = "", is_known: bool = False) -> Item:
    """Return a post with its author, its id and its reactions, and last its words.

    Args:
        post: the post.
        note: what else there is to say of it.
        is_known: whether its words have been told before, and are left out.
    """
    facts = [f"{clean_text(post.id)}, {spell_reactions(post)}", *([note] if note else [])]
    if is_known or post.text is None:
        facts.append("read before, see above" if is_known else "its words are not recorded")
    words = "" if is_known or post.text is None else f"\n{post.text}"
    return Item("; ".join(facts) + words, spell_name(post.name))


def spell_reactions(post: Post) -> str:
    """Return how many liked and disliked a post, in words."""
    if post.likes is None or post.dislikes is None:
        return "reactions not recorded"
    return f"{count_of(post.likes, 'likes')}, {count_of(post.dislikes, 'dislikes')}"


def read_posts(epoch: Row, roster: Roster) -> Iterator[Post]:
    """Yield the posts there are at the end of an epoch, from a line of `epochs.jsonl`."""
    for row in epoch.row("newsfeed").rows("posts"):
        author = row.text("persona_id")
        yield Post(
            row.text("id"),
            author,
            name=roster.people.get(author, author),
            epoch=row.whole_number("epoch"),
            text=row.text("content"),
            likes=row.whole_number("likes"),
            dislikes=row.whole_number("dislikes"),
            source=row.text_or_none("source") or "",
        )


def post_id(epoch: int, persona_id: str) -> str:
    """Return the id of the post somebody wrote in an epoch of a run."""
    return f"e{epoch}/post/{key_part(persona_id)}"


def find_feed(files: RunFiles, roster: Roster, epoch: int) -> Feed:
    """Return the posts there are at the end of an epoch.

    Raises:
        UsageError: the epoch is not recorded or cannot be read; the message says which are.
        RecordError: a line is damaged, and damage is not passed over.
    """
    number, files = _require_epoch(epoch), files.counting_anew()
    feeds = dict(files.each(EPOCHS, lambda row: _read_feed(row, roster, number)))
    feed = feeds.get(number)
    if feed is None:
        raise UsageError(_explain(files, number, feeds))
    return feed


def _require_epoch(epoch: object) -> int:
    try:
        return index(epoch)  # type: ignore[arg-type]  # numbers out of data frames are of types of their own
    except TypeError:
        raise UsageError(f"an epoch is meant by its number, counted from 0; this is {epoch!r:.80}") from None


def _explain(files: RunFiles, epoch: int, recorded: Collection[int]) -> str:
    """Return why there is no feed of an epoch: each has a line of its own, in order."""
    damage = files.damage_of_line(EPOCHS, epoch + 1)
    if damage is not None:
        readable = f"readable are {', '.join(map(str, recorded))}" if recorded else "no other can be read"
        return f"epoch {epoch} cannot be read: {damage}; {readable}"
    there_are = f"recorded are {', '.join(map(str, recorded))}" if recorded else "none has ended"
    return f"epoch {epoch} is not recorded; {there_are}{spell_lost(files)}"


def _read_feed(row: Row, roster: Roster, epoch: int) -> tuple[int, Feed | None]:
    number = row.whole_number("epoch")
    if number != epoch:
        return number, None
    return number, Feed(epoch, tuple(read_posts(row, roster)), mind=row.text("mind"))
