"""Epochs of three tabular models in PyTorch, for a comparison with those of adepts: peers.py PARQUET MODEL [OPTIONS]

MODEL is mmoe, ple or star, written as is usual in PyTorch: a module for each expert, gate and tower, the towers of all domains for all
rows, of which each row takes its own. PARQUET is MovieLens-1M as `adepts import movielens-1m` makes it. The clock runs in forward,
loss, backward and Adam alone: rows are read, coded, split, shuffled and cut into batches before it starts. Prints a line of JSON for
each epoch and one with the AUC of the test rows, which shows that the model has learned. epochs.sh beside it sets what of
the environment makes it faster.
"""

import argparse
import json
import time

import numpy
import pyarrow.parquet
import torch
from torch import nn

FIELDS = ["user_id", "movie_id", "gender", "occupation", "zip", "genre"]
DOMAINS = 3
EMBEDDING = 16
BATCH = 4096


def read(path: str) -> tuple[list[torch.Tensor], list[int]]:
    """Codes of the fields, dense number, domain and label as columns, and how many codes each field has."""
    table = pyarrow.parquet.read_table(path)
    coded = [table[field].combine_chunks().dictionary_encode() for field in FIELDS]
    columns = [torch.from_numpy(field.indices.to_numpy().astype(numpy.int64)) for field in coded]
    age = table["age"].to_numpy().astype(numpy.float32)
    columns.append(torch.from_numpy((age - age.min()) / (age.max() - age.min())))
    columns.append(torch.from_numpy(table["age_group"].to_numpy().astype(numpy.int64)))
    columns.append(torch.from_numpy(table["label"].to_numpy().astype(numpy.float32)))
    return columns, [len(field.dictionary) for field in coded]


def cut(columns: list[torch.Tensor], rows: torch.Tensor) -> list[tuple]:
    """Batches of rows, each in memory of its own: fields, dense number, domain, label."""
    batches = []
    for part in rows.split(BATCH):
        *fields, dense, domain, label = (column[part] for column in columns)
        batches.append((fields, dense.unsqueeze(1), domain, label))
    return batches


def layer(inputs: int, width: int, norm: str, activation: nn.Module) -> list[nn.Module]:
    return [nn.Linear(inputs, width), *([nn.BatchNorm1d(width)] if norm == "batch" else []), activation]


def mlp(inputs: int, widths: list[int], norm: str, logit: bool = False) -> nn.Sequential:
    """Layers with ReLU; dropout of probability 0 would cost nothing and is left out."""
    layers = []
    for width in widths:
        layers += layer(inputs, width, norm, nn.ReLU())
        inputs = width
    return nn.Sequential(*layers, *([nn.Linear(inputs, 1)] if logit else []))


def gate(inputs: int, experts: int, norm: str) -> nn.Sequential:
    return nn.Sequential(*layer(inputs, experts, norm, nn.Softmax(dim=1)))


def mix(shares: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """[R, E] and [R, E, width] to [R, width]."""
    return (shares.unsqueeze(2) * outputs).sum(1)


class Peer(nn.Module):
    """Embeddings, then `outputs` for each domain, of which a row takes that of its own."""

    def __init__(self, codes: list[int]) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(count, EMBEDDING) for count in codes)
        for table in self.tables:
            nn.init.normal_(table.weight, std=1e-4)
        self.width = len(codes) * EMBEDDING + 1

    def forward(self, fields: list[torch.Tensor], dense: torch.Tensor, domain: torch.Tensor) -> torch.Tensor:
        z = torch.cat([*(table(field) for table, field in zip(self.tables, fields)), dense], 1)
        chosen = torch.zeros(len(domain))
        for number, output in enumerate(self.outputs(z)):
            chosen = torch.where(domain == number, torch.sigmoid(output.squeeze(1)), chosen)
        return chosen


class Mmoe(Peer):
    """Shared experts [16], a gate and a tower [8] for each domain."""

    def __init__(self, codes: list[int], norm: str) -> None:
        super().__init__(codes)
        self.experts = nn.ModuleList(mlp(self.width, [16], norm) for _ in range(DOMAINS))
        self.gates = nn.ModuleList(gate(self.width, DOMAINS, norm) for _ in range(DOMAINS))
        self.towers = nn.ModuleList(mlp(16, [8], norm, logit=True) for _ in range(DOMAINS))

    def outputs(self, z: torch.Tensor):
        experts = torch.stack([expert(z) for expert in self.experts], 1)
        return [tower(mix(gate(z), experts)) for gate, tower in zip(self.gates, self.towers)]


class Ple(Peer):
    """One level: two experts [16] of each domain and a shared one, a gate over these three and a tower [8] for each domain."""

    def __init__(self, codes: list[int], norm: str) -> None:
        super().__init__(codes)
        self.own = nn.ModuleList(nn.ModuleList(mlp(self.width, [16], norm) for _ in range(2)) for _ in range(DOMAINS))
        self.shared = mlp(self.width, [16], norm)
        self.gates = nn.ModuleList(gate(self.width, 3, norm) for _ in range(DOMAINS))
        self.towers = nn.ModuleList(mlp(16, [8], norm, logit=True) for _ in range(DOMAINS))

    def outputs(self, z: torch.Tensor):
        shared, outputs = self.shared(z), []
        for own, gate, tower in zip(self.own, self.gates, self.towers):
            experts = torch.stack([*(expert(z) for expert in own), shared], 1)
            outputs.append(tower(mix(gate(z), experts)))
        return outputs


class Star(Peer):
    """Weights [128, 64, 32] that are shared ones times those of the domain, partitioned normalisation, an auxiliary network [32].

    The normalisation before the layers has its running statistics in prediction, the last layer is linear.
    """

    def __init__(self, codes: list[int], norm: str) -> None:
        super().__init__(codes)
        self.standard = nn.BatchNorm1d(self.width, eps=1e-6, affine=False)
        self.scale, self.shift = nn.Parameter(torch.ones(self.width)), nn.Parameter(torch.zeros(self.width))
        self.scales = nn.Parameter(torch.ones(DOMAINS, self.width))
        self.shifts = nn.Parameter(torch.zeros(DOMAINS, self.width))
        widths = [self.width, 128, 64, 32, 1]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in zip(widths, widths[1:]))
        self.own = nn.ModuleList(nn.ModuleList(nn.Linear(*pair) for pair in zip(widths, widths[1:])) for _ in range(DOMAINS))
        for layers in self.own:
            for own in layers:
                nn.init.ones_(own.weight)
                nn.init.zeros_(own.bias)
        bends = [nn.Sequential(*layer(1, width, norm, nn.ReLU())[1:]) for _ in range(DOMAINS) for width in widths[1:-1]]
        self.bends = nn.ModuleList(bends)
        self.auxiliary = mlp(self.width, [32], norm, logit=True)

    def outputs(self, z: torch.Tensor):
        auxiliary, standard, outputs = self.auxiliary(z), self.standard(z), []
        bends = iter(self.bends)
        for domain, layers in enumerate(self.own):
            x = torch.addcmul(self.shift + self.shifts[domain], standard, self.scale * self.scales[domain])
            for shared, own in zip(self.layers, layers):
                x = nn.functional.linear(x, shared.weight * own.weight, shared.bias + own.bias)
                if len(shared.weight) > 1:
                    x = next(bends)(x)
            outputs.append(x + auxiliary)
        return outputs


def train(model: Peer, optimizer: torch.optim.Optimizer, batches: list[tuple]) -> tuple[float, float]:
    """Seconds of an epoch, and the mean of its batches' losses."""
    cross_entropy, total = nn.BCELoss(), torch.zeros(())
    model.train()
    start = time.perf_counter()
    for fields, dense, domain, label in batches:
        loss = cross_entropy(model(fields, dense, domain), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()
    return time.perf_counter() - start, float(total) / len(batches)


def auc(scores: numpy.ndarray, labels: numpy.ndarray) -> float:
    """By the sum of the ranks of the positive rows, rows of equal scores having their mean rank."""
    _, places, counts = numpy.unique(scores, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[places]
    positive = labels > 0.5
    n, m = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("parquet")
    parser.add_argument("model", choices=["mmoe", "ple", "star"])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--norm", choices=["batch", "none"], default="batch")
    parser.add_argument("--adam", choices=["fused", "foreach"], default="fused")
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    columns, codes = read(options.parquet)
    rows = torch.randperm(len(columns[0]))
    held_out = len(rows) // 10
    training, test = rows[2 * held_out:], cut(columns, rows[:held_out])
    model = {"mmoe": Mmoe, "ple": Ple, "star": Star}[options.model](codes, options.norm)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5, **{options.adam: True})
    for epoch in range(1, options.epochs + 1):
        batches = cut(columns, training[torch.randperm(len(training))])
        seconds, loss = train(model, optimizer, batches)
        print(json.dumps({"epoch": epoch, "seconds": round(seconds, 4), "loss": round(loss, 5)}), flush=True)
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(*batch[:3]) for batch in test]).numpy()
    labels = torch.cat([batch[3] for batch in test]).numpy()
    print(json.dumps({"test_auc": round(auc(scores, labels), 5), "parameters": sum(p.numel() for p in model.parameters())}))


if __name__ == "__main__":
    main()
