from __future__ import annotations

import pytest

from agents.live.pace import Paced


class Question:
    """A question whose answers cost time on a clock that only it moves."""

    def __init__(self, cost_s: float) -> None:
        self.now_s = 100.0
        self.cost_s = cost_s
        self.asked = 0

    def clock(self) -> float:
        return self.now_s

    def ask(self) -> int:
        self.now_s += self.cost_s
        self.asked += 1
        return self.asked


def test_a_cheap_answer_is_kept_for_the_interval() -> None:
    question = Question(cost_s=0.01)
    paced = Paced(question.ask, every_s=2.0, share=0.1, clock=question.clock)
    assert paced.get() == 1
    question.now_s = 101.9
    assert paced.get() == 1
    question.now_s = 102.0
    assert paced.get() == 2


def test_an_expensive_answer_is_kept_until_its_share_of_the_time_is_paid() -> None:
    question = Question(cost_s=1.5)
    paced = Paced(question.ask, every_s=2.0, share=0.1, clock=question.clock)
    paced.get()
    question.now_s = 114.9
    assert paced.get() == 1
    question.now_s = 115.0
    assert paced.get() == 2


def test_a_failed_question_is_asked_again_at_once() -> None:
    def fail() -> int:
        raise LookupError

    paced = Paced(fail, every_s=60.0, share=0.1)
    for _ in range(2):
        with pytest.raises(LookupError):
            paced.get()


def test_what_is_forgotten_is_asked_again() -> None:
    question = Question(cost_s=0.0)
    paced = Paced(question.ask, every_s=60.0, share=0.1, clock=question.clock)
    paced.get()
    paced.forget()
    assert paced.get() == 2
