"""LightGBM with early stopping on a fifth of the training rows, categories as they are, at most the budget's seconds."""

import lightgbm as lgb
import numpy as np
from tables_common import finish, given, with_categories


def main() -> None:
    one = given()
    train, test = with_categories(*one.inputs)
    known = one.known[0]
    order = np.random.default_rng(one.seed).permutation(len(train))
    held, own = order[: len(order) // 5], order[len(order) // 5 :]
    data = lgb.Dataset(train.iloc[own], known[own])
    judged = lgb.Dataset(train.iloc[held], known[held], reference=data)
    settings = {
        "objective": "binary" if one.task == "classify" else "regression",
        "metric": "auc" if one.task == "classify" else "rmse",
        "learning_rate": 0.05, "num_threads": one.threads, "seed": one.seed, "verbose": -1,
    }  # fmt: skip

    def deadline(state: lgb.callback.CallbackEnv) -> None:
        if one.left < 1:
            raise lgb.callback.EarlyStopException(state.iteration, state.evaluation_result_list)

    stopping = [lgb.early_stopping(100, verbose=False), deadline]
    model = lgb.train(settings, data, 20_000, valid_sets=[judged], callbacks=stopping)
    answer = model.predict(test, num_iteration=model.best_iteration)
    finish(one, answer, "lightgbm", rounds=int(model.best_iteration or model.current_iteration()))


main()
