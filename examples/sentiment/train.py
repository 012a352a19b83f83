"""Train an LSTM that tells good reviews from bad ones; write sentiment.onnx and the arrays.

A review has up to 24 words; shorter ones are padded in front, so that the last step is the last
word. A review is made of clauses that a small grammar generates with their meaning: "not" turns an
adjective round, "very" and "slightly" make it stronger and weaker, what follows "but" counts more
than what precedes it, and the main clause more than one with "although".

One in five pairs of a subject and an adjective, and one in four of a negation and an adjective, are
kept out of the training set; the test set has no others.

    python -m examples.sentiment.train [DIR]
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from examples import metrics, training
from examples.training import listed

SEED = 0
STEPS = 24
HIDDEN = 24
WIDTH = 12
TRAIN, CALIBRATION, TEST = 4000, 200, 1000
UPDATES = 1500
BATCH = 64
LEAST = 0.15
"""Reviews whose meaning is weaker than this are left out."""

SUBJECTS = listed(
    "acting atmosphere beer bread camera cast coffee dessert dialogue ending fish food hotel "
    "keyboard light lunch menu movie music pasta phone photography picture plot price room salad "
    "screen script service soundtrack soup staff story terrace waiter"
)
GOOD = listed(
    "amazing beautiful brilliant charming clever delicious delightful enjoyable excellent "
    "fantastic fine fresh friendly funny good great impressive lovely nice perfect pleasant "
    "solid superb wonderful"
)
BAD = listed(
    "annoying awful bad bland boring cheap clumsy dirty disappointing dreadful dull horrible lazy "
    "mediocre nasty poor rude sad slow stale terrible ugly unpleasant weak"
)
ADJECTIVES = dict.fromkeys(GOOD, 1.0) | dict.fromkeys(BAD, -1.0)
STRENGTHS = {"very": 1.5, "really": 1.5, "extremely": 2.0, "truly": 1.5, "quite": 1.1} | {
    "slightly": 0.6, "somewhat": 0.6, "rather": 0.9, "fairly": 0.8,
}  # fmt: skip
NEGATIONS = ("not", "never", "hardly", "n't")
COPULAS = ("was", "is", "seemed", "looked", "felt")
VERBS = {"liked": 1.0, "loved": 1.5, "enjoyed": 1.0, "hated": -1.5, "disliked": -1.0}
INFINITIVES = {"like": 1.0, "love": 1.5, "enjoy": 1.0, "hate": -1.5, "mind": -1.0}
OPENINGS = (
    "honestly", "to be honest", "in my opinion", "for the money", "we came on sunday and",
    "my friends told me that", "after all these years", "i think", "as always", "this time",
    "people say that", "on our last visit",
)  # fmt: skip
CONTRASTS = ("but", "yet", "however")
CONCESSIONS = ("although", "though", "while")


@dataclass(frozen=True)
class Words:
    """A clause or review and its meaning, above 0 for good."""

    text: str
    meaning: float


def held_out(first: str, second: str, one_in: int) -> bool:
    """Whether two words occur together in the test set only."""
    return sum(first.encode()) * 7 % one_in == sum(second.encode()) * 3 % one_in


class Grammar:
    """Draws reviews of the pairs of words that are in the training set, or of the others."""

    def __init__(self, generator: np.random.Generator, unseen: bool) -> None:
        self.generator = generator
        self.unseen = unseen

    def one_of(self, words: object) -> str:
        return str(self.generator.choice(list(words)))  # type: ignore[call-overload]

    def adjective(self, subject: str) -> Words:
        """An adjective for a subject, perhaps stronger, weaker or negated."""
        while True:
            word = self.one_of(ADJECTIVES)
            if held_out(subject, word, 5) == self.unseen:
                break
        text, meaning = word, ADJECTIVES[word]
        if self.generator.random() < 0.4:
            strength = self.one_of(STRENGTHS)
            text, meaning = f"{strength} {text}", meaning * STRENGTHS[strength]
        if self.generator.random() < 0.4:
            negation = self.one_of(NEGATIONS)
            if held_out(negation, word, 4) == self.unseen:
                return Words(f"{negation} {text}", -0.7 * meaning)
        return Words(text, meaning)

    def clause(self) -> Words:
        subject = self.one_of(SUBJECTS)
        if self.generator.random() < 0.75:
            said = self.adjective(subject)
            return Words(f"the {subject} {self.one_of(COPULAS)} {said.text}", said.meaning)
        if self.generator.random() < 0.5:
            verb = self.one_of(VERBS)
            return Words(f"i {verb} the {subject}", VERBS[verb])
        verb = self.one_of(INFINITIVES)
        return Words(f"i did not {verb} the {subject}", -0.7 * INFINITIVES[verb])

    def review(self) -> Words:
        kind = self.generator.random()
        first, second = self.clause(), self.clause()
        if self.generator.random() < 0.3:
            third = self.clause()
            second = Words(f"{second.text} and {third.text}", second.meaning + third.meaning)
        if kind < 0.25:
            review = first
        elif kind < 0.5:
            review = Words(f"{first.text} and {second.text}", first.meaning + second.meaning)
        elif kind < 0.8:
            contrast = self.one_of(CONTRASTS)
            meaning = 0.3 * first.meaning + second.meaning
            review = Words(f"{first.text} {contrast} {second.text}", meaning)
        else:
            concession = self.one_of(CONCESSIONS)
            meaning = 0.3 * first.meaning + second.meaning
            review = Words(f"{concession} {first.text} {second.text}", meaning)
        if self.generator.random() < 0.5:
            return Words(f"{self.one_of(OPENINGS)} {review.text}", review.meaning)
        return review


def vocabulary() -> list[str]:
    """All words, the padding first."""
    texts = [*SUBJECTS, *ADJECTIVES, *STRENGTHS, *NEGATIONS, *COPULAS, *VERBS, *INFINITIVES]
    texts += [*OPENINGS, *CONTRASTS, *CONCESSIONS, "the i did and"]
    return ["-", *sorted({word for text in texts for word in text.split()})]


def draw(grammar: Grammar, count: int, known: set[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Different reviews, none of those known, and their labels, 1 for good; adds them to known."""
    texts: list[str] = []
    labels = []
    while len(texts) < count:
        review = grammar.review()
        short = len(review.text.split()) <= STEPS
        if short and abs(review.meaning) >= LEAST and review.text not in known:
            known.add(review.text)
            texts.append(review.text)
            labels.append(int(review.meaning > 0.0))
    return texts, np.array(labels)


def count(text: str) -> float:
    """Good words less bad ones: what a reader without memory could do."""
    values = ADJECTIVES | VERBS | INFINITIVES
    return sum(float(np.sign(values.get(word, 0.0))) for word in text.split())


def encode(texts: list[str], words: list[str]) -> npt.NDArray[np.uint8]:
    """Numbers of words [N, STEPS], padded in front."""
    number = {word: k for k, word in enumerate(words)}
    ids = np.zeros((len(texts), STEPS), np.uint8)
    for row, text in zip(ids, texts, strict=True):
        found = [number[word] for word in text.split()]
        row[STEPS - len(found) :] = found
    return ids


class Sentiment(nn.Module):
    """Numbers of words [batch, T] to logits [batch, 2], bad and good."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, WIDTH)
        self.lstm = nn.LSTM(WIDTH, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 2)
        with torch.no_grad():
            self.embedding.weight *= 0.5

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.lstm(self.embedding(ids))
        logits: torch.Tensor = self.head(outputs[:, -1])
        return logits


def main() -> None:
    """Train, write the files and print what came out."""
    folder = training.folder_of(__file__)
    training.start(SEED)
    generator, known, words = np.random.default_rng(SEED), set[str](), vocabulary()
    texts, labels = draw(Grammar(generator, unseen=True), TEST, known)
    train_texts, train_labels = draw(Grammar(generator, unseen=False), TRAIN, known)
    model = Sentiment(len(words))
    ids = encode(train_texts, words)
    batches = training.shuffled(ids.astype(np.int64), train_labels, BATCH, SEED)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    training.fit(model, batches, loss, UPDATES, rate=0.01, decay=0.05)
    path, test = folder / "sentiment.onnx", encode(texts, words)[:, None]
    training.export(model, torch.zeros(1, STEPS, dtype=torch.int64), path, ("ids", "logits"))
    files: dict[str, dict[str, training.Array]] = {
        "calibration": {"ids": ids[:CALIBRATION, None]},
        "test": {"ids": test, "label": labels.astype(np.int8)},
    }
    training.save(folder, files)
    (folder / "words.txt").write_text("\n".join(words) + "\n")
    right = metrics.METRICS["accuracy"].of(training.run_onnx(path, test), files["test"])
    counted = 100.0 * np.mean(
        [(count(text) > 0) == label for text, label in zip(texts, labels, strict=True)]
    )
    figures = [
        f"{len(words)} words, {right:.2f} % of the test reviews right",
        f"{counted:.2f} % by counting good and bad words",
        *texts[:12],
    ]
    training.report(model, folder, figures)


if __name__ == "__main__":
    main()
