"""AutoGluon with one of its neural networks (--model TABM, NN_TORCH or FASTAI), told the metric and the time."""

import torch
from autogluon.tabular import TabularPredictor
from tables_common import finish, given


def main() -> None:
    one = given()
    torch.set_num_threads(one.threads)
    train = one.train
    labels = sorted(train[one.target].astype(str).unique())
    kind, metric = ("binary", "roc_auc") if one.task == "classify" else ("regression", "root_mean_squared_error")
    if one.task == "classify":
        train = train.assign(**{one.target: train[one.target].astype(str)})
    predictor = TabularPredictor(one.target, problem_type=kind, eval_metric=metric, path=str(one.work), verbosity=0)
    predictor.fit(
        train, time_limit=one.seconds, hyperparameters={one.model: {}}, num_cpus=one.threads, num_gpus=0,
        fit_weighted_ensemble=False, dynamic_stacking=False,
    )  # fmt: skip
    test = one.inputs[1]
    answer = predictor.predict_proba(test)[labels[1]] if one.task == "classify" else predictor.predict(test)
    finish(one, answer.to_numpy(), "autogluon.tabular", "torch")


main()
