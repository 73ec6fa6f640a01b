from mslt_cli.errors import MsltError, UnknownNameError

MANY = [f"pool-number-{number}" for number in range(20)]


def test_the_nearest_names_are_suggested_whatever_their_case():
    assert str(UnknownNameError("pool", "XNL", ["xnli", "pawsx"])) == "There is no pool 'XNL'. Did you mean xnli?"


def test_no_more_than_three_names_are_suggested():
    assert str(UnknownNameError("pool", "pool-number", MANY)).count("pool-number-") == 3


def test_few_names_are_listed_where_none_is_near():
    assert str(UnknownNameError("model", "zzz", ["bloom", "mt5"])) == "There is no model 'zzz'. Known: bloom, mt5."


def test_many_names_are_not_listed():
    assert str(UnknownNameError("pool", "zzz", MANY)) == "There is no pool 'zzz'."
    assert str(UnknownNameError("pool", "zzz", MANY, "See docs.")) == "There is no pool 'zzz'. See docs."


def test_an_unknown_name_is_a_failure_that_a_user_is_meant_to_read():
    assert issubclass(UnknownNameError, MsltError)
