"""Which modules vote."""

import numpy as np
import pytest
import torch

from ampnet.dataset.loading.dataset import Batch
from ampnet.inference.classifier import Classifier, mirror_faces
from ampnet.inference.contributions import VOTES, answer_by_votes, votes_of
from ampnet.inference.optimize import optimize_for_inference
from ampnet.models.ampnet import AMPNet

CPU = torch.device("cpu")


def network(modules=("gp", "lp", "ap"), **options):
    torch.manual_seed(1)
    return AMPNet(width=0.125, image_size=64, modules=modules, **options).eval()


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6, 3, 64, 64), generator=generator, dtype=torch.uint8)
    landmarks = 8 + 48 * torch.rand((6, 5, 2), generator=generator)
    return Batch(images, landmarks, torch.zeros(6, dtype=torch.int64))


def test_a_network_takes_all_subsets_of_its_modules_all_of_them_first():
    assert votes_of(("gp", "lp", "ap")) == VOTES
    assert set(VOTES) == {vote for vote in VOTES if vote}
    assert len(VOTES) == 2**3 - 1
    assert votes_of(("lp", "ap")) == (("lp", "ap"), ("lp",), ("ap",))
    assert votes_of(("gp",)) == (("gp",),)


def test_all_modules_give_the_answers_of_the_classifier_either_head_its_own(batch):
    classifier = Classifier(network(), CPU, branch_weight=0.3, offsets=torch.linspace(-0.1, 0.1, 7))
    with torch.inference_mode():
        local, global_ = classifier.head_logits(batch.to(CPU))
        expected = [classifier.decide(*heads) for heads in ((local, global_), (global_, global_), (local, local))]
    answers = answer_by_votes(classifier, batch, VOTES[:3])
    assert answers.tolist() == [logits.argmax(dim=1).tolist() for logits in expected]


def test_a_silenced_module_leaves_its_part_of_the_local_heads_weights_unread(batch):
    model = network()
    width = model.local_perception.embed_dim
    with torch.inference_mode():
        embedded = model.embed(*batch.to(CPU)[:2])
        weight, bias = model.local_head.weight, model.local_head.bias
        lp = embedded["lp"] @ weight[:, :width].T + bias
        ap = embedded["ap"] @ weight[:, width:].T + bias
        both = lp + ap - bias
        assert torch.allclose(both, model(*batch.to(CPU)[:2])[0], atol=1e-5)
        expected = [((lp + model.heads(embedded)[1]) / 2), lp, ap]
    answers = answer_by_votes(Classifier(model, CPU), batch, (("gp", "lp"), ("lp",), ("ap",)))
    assert answers.tolist() == [logits.argmax(dim=1).tolist() for logits in expected]


def test_a_network_of_one_head_answers_by_it(batch):
    for modules in (("gp",), ("lp", "ap"), ("ap",)):
        classifier = Classifier(network(modules), CPU)
        with torch.inference_mode():
            expected = classifier.decide(*classifier.head_logits(batch.to(CPU))).argmax(dim=1)
        assert np.array_equal(answer_by_votes(classifier, batch, votes_of(modules))[0], expected.numpy())


def test_mirror_averages_every_vote(batch):
    model = network()
    mirrored = Batch(*mirror_faces(batch.images, batch.landmarks / 1.0), batch.labels)
    both = answer_by_votes(Classifier(model, CPU, mirror=True), batch, VOTES)
    assert np.array_equal(both, answer_by_votes(Classifier(model, CPU, mirror=True), mirrored, VOTES))


def test_the_optimised_network_gives_the_same_answers(batch):
    model = network()
    plain, fast = (
        answer_by_votes(Classifier(form, CPU), batch, VOTES) for form in (model, optimize_for_inference(model))
    )
    assert np.array_equal(plain, fast)
