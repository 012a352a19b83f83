"""Train a bidirectional LSTM that finds persons, places and organisations in sentences.

A sentence has up to 20 words; shorter ones are padded behind. At every word the network gives the
logits of seven tags: O, and B (first word of a name) and I (further word) of three kinds of names.
Most names are ambiguous: a jordan may be a person, a country or a company, and only the words
around it tell, those before it in some sentences ("shares of jordan"), those after it in others
("jordan hired"). So the network reads in both directions.

The sentences are made from templates. One in five pairs of a name and a template is kept out of the
training set, and the test set has only sentences with such a pair.

    python -m examples.entities.train [DIR]
"""

import re

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from examples import metrics, training
from examples.training import listed

SEED = 0
STEPS = 20
HIDDEN = 16
WIDTH = 12
TRAIN, CALIBRATION, TEST = 800, 150, 500
UPDATES = 800
BATCH = 64
IGNORED = -1
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")

AMBIGUOUS = listed(
    "austin bentley carson chelsea chester clinton dallas devon florence ford hamilton hudson "
    "houston jackson jordan kent lancaster lincoln madison morgan orlando paris preston regina "
    "savannah stanley sydney victoria warren washington wells windsor"
)
FIRST_NAMES = listed("anna carlos emma david laura omar peter ruth sofia thomas")
PLACES = listed("berlin chicago japan kenya lima norway")
COMPANIES = listed("acme globex initech umbra vandelay zenix")
LISTS = {
    "day": listed("monday tuesday friday sunday"),
    "job": listed("singer lawyer teacher captain nurse author"),
    "thing": listed("contract report bridge film house letter phone plan"),
    "did": listed("bought sold saw found lost mentioned"),
    "near": listed("in near outside"),
    "size": listed("small large old famous quiet"),
    "firm": listed("motors bank airlines foods"),
    "land": listed("lake mount port north"),
    "open": ("yesterday", "on {day}", "last year", "as expected", "in the end"),
    "name": (*AMBIGUOUS,),
}
"""What {word} in a template or in another list stands for."""

PERSON = (
    "<P> said that the {thing} was {size}",
    "mr <P> {did} the {thing}",
    "<P> , a {job} , {did} a {size} {thing}",
    "the {job} <P> lives {near} <L>",
    "<P> and her brother met <P> on {day}",
    "we asked <P> about the {thing}",
    "<P> was born {near} <L>",
    "the {thing} belongs to <P> , who is a {job}",
    "i told <P> that he must see the {thing}",
    "<P> is married to the {job}",
)
PLACE = (
    "<L> , a {size} town , has a {thing}",
    "the people of <L> {did} the {thing}",
    "they drove from <L> to <L> on {day}",
    "<L> lies {near} <L>",
    "it rains in <L> every {day}",
    "the road to <L> is closed",
    "<L> is a {size} country",
    "the streets of <L> were quiet on {day}",
    "tourists visit <L> for its {size} houses",
)
COMPANY = (
    "shares of <C> fell on {day}",
    "<C> hired a {job} {near} <L>",
    "<C> , the maker of the {thing} , {did} <C>",
    "<P> works for <C>",
    "<C> will open a factory {near} <L>",
    "the chairman of <C> resigned on {day}",
    "<C> reported a loss last year",
    "<P> , the head of <C> , {did} a {thing}",
    "investors sold <C> after the {size} {thing}",
    "profits at <C> rose",
)
NAMES = {
    "P": ("{name}", "{name}", "{first} {name}"),
    "L": ("{name}", "{name}", "{place}", "{land} {name}"),
    "C": ("{name}", "{name}", "{company}", "{name} {firm}", "bank of {name}"),
}
KINDS = {"P": 1, "L": 3, "C": 5}
"""Number of the first tag of a kind of names."""

Ids = npt.NDArray[np.int64]


def fill(generator: np.random.Generator, text: str) -> str:
    """A text with {word} replaced by something of its list, and that in the same way."""
    lists = LISTS | {"first": FIRST_NAMES, "place": PLACES, "company": COMPANIES}
    while "{" in text:
        text = re.sub(r"\{(\w+)\}", lambda m: str(generator.choice(lists[m[1]])), text, count=1)
    return text


def held_out(name: str, template: int) -> bool:
    """Whether an ambiguous name occurs in a template in the test set only."""
    return (AMBIGUOUS.index(name) + 3 * template) % 5 == 0


def draw_sentence(generator: np.random.Generator) -> tuple[list[str], list[int], bool]:
    """Words, tags, and whether it holds a pair of name and template for the test set."""
    templates = PERSON + PLACE + COMPANY
    number = int(generator.integers(len(templates)))
    text = templates[number]
    if generator.random() < 0.3:
        text = f"{generator.choice(LISTS['open'])} , {text}"
    words: list[str] = []
    tags: list[int] = []
    unseen = False
    for part in re.split(r"(<\w>)", text):
        kind = part[1:2] if part.startswith("<") else ""
        chosen = str(generator.choice(NAMES[kind])) if kind else part
        new = fill(generator, chosen).split()
        first = KINDS.get(kind, 0)
        words += new
        tags += [first + (1 if kind and k else 0) for k in range(len(new))]
        unseen |= any(held_out(w, number) for w in new if kind and w in AMBIGUOUS)
    return words, tags, unseen


def vocabulary() -> list[str]:
    """All words, the padding first."""
    texts = [*PERSON, *PLACE, *COMPANY, *FIRST_NAMES, *PLACES, *COMPANIES, "bank of"]
    texts += [text for group in LISTS.values() for text in group]
    words = {word for text in texts for word in re.sub(r"<\w>|\{\w+\}", " ", text).split()}
    return ["-", *sorted(words)]


def draw(count: int, unseen: bool, number: dict[str, int]) -> tuple[Ids, Ids]:
    """Different sentences: words and tags [count, STEPS], padded with 0 and IGNORED."""
    generator = np.random.default_rng((SEED, unseen))
    ids = np.zeros((count, STEPS), np.int64)
    tags = np.full((count, STEPS), IGNORED)
    known: set[str] = set()
    while len(known) < count:
        words, found, is_unseen = draw_sentence(generator)
        text = " ".join(words)
        if is_unseen == unseen and len(words) <= STEPS and text not in known:
            ids[len(known), : len(words)] = [number[word] for word in words]
            tags[len(known), : len(words)] = found
            known.add(text)
    return ids, tags


class Tagger(nn.Module):
    """Numbers of words [batch, T] to logits [batch, T, 7]."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, WIDTH)
        self.lstm = nn.LSTM(WIDTH, HIDDEN, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * HIDDEN, len(TAGS))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(self.embedding(ids))
        logits: torch.Tensor = self.head(outputs)
        return logits


def loss_of(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(
        logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, label_smoothing=0.02
    )


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    words = vocabulary()
    number = {word: k for k, word in enumerate(words)}
    test, tags = draw(TEST, True, number)
    ids, wanted = draw(TRAIN, False, number)
    model = Tagger(len(words))
    batches = training.shuffled(ids, wanted, BATCH, SEED)
    training.fit(model, batches, loss_of, UPDATES, rate=0.01, decay=0.05)
    path = folder / "entities.onnx"
    training.export(model, torch.zeros(1, STEPS, dtype=torch.int64), path, ("ids", "logits"))
    files: dict[str, dict[str, training.Array]] = {
        "calibration": {"ids": ids[:CALIBRATION, None].astype(np.uint8)},
        "test": {"ids": test[:, None].astype(np.uint8), "label": tags.astype(np.int8)},
    }
    training.save(folder, files)
    (folder / "words.txt").write_text("\n".join(words) + "\n")
    outputs = training.run_onnx(path, test[:, None])
    f1 = metrics.METRICS["entity_f1"].of(outputs, files["test"])
    right = metrics.METRICS["tags"].of(outputs, files["test"])
    figures = [f"{len(words)} words; tags right {right:.2f} %, F1 of the names {f1:.2f} %"]
    figures += [" ".join(words[k] for k in row if k) for row in test[:8]]
    training.report(model, folder, figures)


if __name__ == "__main__":
    main()
