"""From encoded examples to answers: whatever the batches, the same answers, and no trace in the network."""

import pytest
import torch

from deepwright.answering import ANSWER_ROWS, answer_batches, concat_answers, outputs_of, rows_at_once
from deepwright.data.split import PARTS
from deepwright.fields import Field
from deepwright.run import Run
from tests.verbs.conftest import tumours_run  # noqa: F401  a fixture


def test_wide_rows_come_in_smaller_batches() -> None:
    sizes = [rows_at_once({"x": Field(torch.zeros(1, width))}) for width in (1, 1000, 10**6, 10**9 // 64)]
    assert sizes[0] == ANSWER_ROWS
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 16


def test_joined_answers_keep_what_has_no_rows() -> None:
    parts = [{"value": torch.full((n, 2), float(n)), "level": torch.tensor([0.1, 0.9])} for n in (3, 1)]
    joined = concat_answers(parts)
    assert joined["value"][:, 0].tolist() == [3.0, 3.0, 3.0, 1.0]
    assert joined["level"].tolist() == pytest.approx([0.1, 0.9])


def test_batches_make_no_difference_and_leave_no_trace(tumours_run: Run) -> None:  # noqa: F811
    network, task = tumours_run.network, tumours_run.task
    assert task is not None
    packed = tumours_run.pack(tumours_run.training_data().table)
    rows = torch.from_numpy((tumours_run.parts == PARTS["test"]).nonzero()[0])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    try:
        whole = answer_batches(network, task, packed.batches(rows, len(rows)))
        pieces = answer_batches(network, task, packed.batches(rows, 7))
        assert network.training
    finally:
        network.eval()
    assert torch.allclose(whole["probability"], pieces["probability"], atol=1e-6)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(parameter.grad is not None for parameter in network.parameters())


def test_outputs_can_be_differentiated(tumours_run: Run) -> None:  # noqa: F811
    network, task = tumours_run.network, tumours_run.task
    assert task is not None
    batch = tumours_run.pack(tumours_run.training_data().table).take(torch.arange(5))
    z = {
        name: field.with_values(field.values.clone().requires_grad_())
        for name, field in network.embed(batch.inputs).items()
    }
    outputs = outputs_of(network, task, z)
    assert {name: output.values.shape for name, output in outputs.items()} == {
        name: (5, width) for name, width in task.heads.items()
    }
    task.score(outputs, None).sum().backward()
    assert all(field.values.grad is not None for field in z.values() if field.values.requires_grad)
