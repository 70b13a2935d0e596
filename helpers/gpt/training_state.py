"""What a training under way consists of, as named tensors: weights and the state of the optimizers."""

import torch


def training_state(model, optimizers) -> dict[str, torch.Tensor]:
    """Weights as "model.NAME", and what optimizer number n keeps of parameter i as "optimizer.n.i.KEY"."""
    tensors = {f"model.{name}": p.detach() for name, p in model.named_parameters()}
    for n, optimizer in enumerate(optimizers):
        for i, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{n}.{i}.{key}": value for key, value in state.items()}
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}


@torch.no_grad()
def restore(model, optimizers, tensors: dict[str, torch.Tensor]):
    """Copy a `training_state` into the model's weights and the optimizers. KeyError if a weight is missing."""
    for name, p in model.named_parameters():
        p.copy_(tensors[f"model.{name}"])
    for n, optimizer in enumerate(optimizers):
        state = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{n}."):
                _, _, i, key = name.split(".")
                state.setdefault(int(i), {})[key] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
