"""scikit-learn's histogram gradient boosting with early stopping, categories as they are (the 250 most frequent)."""

from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from tables_common import finish, given, with_categories


def main() -> None:
    one = given()
    train, test = with_categories(*one.inputs, most=250)
    kind = HistGradientBoostingClassifier if one.task == "classify" else HistGradientBoostingRegressor
    model = kind(
        max_iter=2000, early_stopping=True, n_iter_no_change=20, validation_fraction=0.2, random_state=one.seed,
        categorical_features="from_dtype",
    )  # fmt: skip
    model.fit(train, one.known[0])
    answer = model.predict_proba(test)[:, 1] if one.task == "classify" else model.predict(test)
    finish(one, answer, "scikit-learn", rounds=int(model.n_iter_))


main()
