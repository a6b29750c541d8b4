"""Determinism: asked for where there is any, and what is said where there is none."""

import warnings

import pytest
import torch
import torch.utils.deterministic

from deepwright.training.determinism import Determinism, deterministic

CPU = torch.device("cpu")
KERNEL = (
    "scatter_add_cuda_kernel does not have a deterministic implementation, but you set "
    "'torch.use_deterministic_algorithms(True, warn_only=True)'. You can file an issue at …"
)
CUBLAS = (
    "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or …, but this operation is not "
    "deterministic because it uses CuBLAS and you have CUDA >= 10.2."
)


def test_the_processor_promises_its_bits() -> None:
    assert Determinism("cpu").why_not == Determinism("cuda").why_not == ""


def test_a_device_without_a_promise_is_named() -> None:
    assert Determinism("mps").why_not == (
        "Trained again, this run would not give the same last bits: torch promises no fixed order of sums on mps."
    )


def test_operations_without_a_deterministic_kernel_are_named_once() -> None:
    found = Determinism("cuda")
    assert [found.hear(text) for text in (KERNEL, CUBLAS, KERNEL, "lr_scheduler was called early")] == [
        True,
        True,
        True,
        False,
    ]
    assert found.why_not.endswith("on cuda to compute scatter_add_cuda_kernel, matrix products.")


@pytest.mark.parametrize("action", ["error", "ignore", "default"])
def test_torchs_warnings_are_heard_whatever_is_set_and_others_go_on(action: str) -> None:
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter(action)  # type: ignore[arg-type]
        with deterministic(CPU) as found:
            for _ in range(2):
                warnings.warn(KERNEL, stacklevel=1)
            if action == "error":
                with pytest.raises(UserWarning, match="something else"):
                    warnings.warn("something else", stacklevel=1)
            else:
                warnings.warn("something else", stacklevel=1)
    assert found.operations == ["scatter_add_cuda_kernel"]
    assert [str(one.message) for one in others] == (["something else"] if action == "default" else [])


def test_a_kernel_of_torch_that_keeps_no_order_is_met() -> None:
    with deterministic(CPU) as found:
        torch.zeros(4).put_(torch.tensor([0, 1]), torch.ones(2))
    assert found.operations == ["put_"]


def test_what_was_set_before_comes_back() -> None:
    before = torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory
    inside = []
    with pytest.raises(ZeroDivisionError), deterministic(CPU):
        inside.append(torch.get_deterministic_debug_mode() + 1 / torch.utils.deterministic.fill_uninitialized_memory)
    assert inside == []
    with deterministic(CPU):
        assert torch.get_deterministic_debug_mode() == 1
    assert before == (torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory)
