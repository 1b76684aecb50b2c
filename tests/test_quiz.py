"""The quizzes: questions with choices that open, one of them right, and a word to each."""
import html
import re
from collections import Counter

import pytest
from conftest import APPENDICES, CHAPTERS, label
from test_house import prose

CHOICE = re.compile(r'<details><summary>(?P<text>.+)</summary>(?P<verdict>Right|No)\. (?P<why>.+)</details>')


WITH_QUIZ = [*CHAPTERS, *(path for path in APPENDICES if '## Quiz' in prose(path))]


def questions(path):
    "(number, lines below the question) of each question."
    _, heading, rest = prose(path).partition('\n## Quiz\n')
    quiz, *_ = rest.split('\n## ')
    parts = re.split(r'^\*\*(\d+)\.\*\* ', quiz, flags=re.M)[1:]
    return [(int(number), body) for number, body in zip(parts[::2], parts[1::2])]


def choices(body):
    return [CHOICE.fullmatch(line) for line in body.splitlines() if line.startswith('<details')]


def right(body):
    return [choice['verdict'] for choice in choices(body)].index('Right')


@pytest.mark.parametrize('path', WITH_QUIZ, ids=label)
def test_every_question_has_one_right_choice_and_a_word_to_each(path):
    asked = questions(path)
    assert len(asked) >= (4 if path in CHAPTERS else 3)
    assert [number for number, _ in asked] == list(range(1, len(asked)+1))
    for number, body in asked:
        found = choices(body)
        assert 3 <= len(found) <= 4 and all(found), number
        assert [choice['verdict'] for choice in found].count('Right') == 1, number
        assert len({choice['text'] for choice in found}) == len(found), number
        assert all(len(choice['why'].split()) >= 5 for choice in found), number


@pytest.mark.parametrize('path', WITH_QUIZ, ids=label)
def test_a_quiz_is_whole_html(path):
    "A blank line in front of the choices and none between them; tags closed; nothing that asks for a script."
    for number, body in questions(path):
        assert re.search(r'\n\n<details>', body) and '</details>\n\n<details>' not in body, number
        for choice in choices(body):
            text = choice['text'] + choice['why']
            opened, closed = re.findall(r'<(\w+)>', text), re.findall(r'</(\w+)>', text)
            assert Counter(opened) == Counter(closed), number
            assert set(opened) <= {'code', 'em', 'sub', 'sup'}, number
            assert html.unescape(text).count('$') == 0, number


def test_there_are_enough_questions_and_no_trick_finds_the_right_choice():
    bodies = [body for path in WITH_QUIZ for _, body in questions(path)]
    assert len(bodies) >= 60
    places = Counter(right(body) for body in bodies)
    assert max(places.values()) < len(bodies)/2
    lengths = [[len(choice['text']) for choice in choices(body)] for body in bodies]
    longest = sum(length[right(body)] == max(length) for length, body in zip(lengths, bodies))
    assert longest < .6*len(bodies)
