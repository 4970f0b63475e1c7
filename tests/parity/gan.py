# SPDX-License-Identifier: Apache-2.0
"""A GAN's two train lines: two optimizers, each over the weights of one block, the second after the first's update."""
import numpy as np

from case import ROWS, Case, real, whole

NOISE, SIDE, CLASSES = 5, 4, 3
PIXELS = SIDE * SIDE

# Dropout, which no two engines draw alike, is left out.
DENSE = f"""
    block gen(z)
        g1 = dense(z) units=8 bias=no
        g2 = batch_norm(g1)
        leaky_relu alpha=0.3
        g3 = dense units={PIXELS} act=tanh
        reshape shape=n,{SIDE},{SIDE},1
    end
    block disc(x)
        flatten(x)
        d1 = dense units=12
        leaky_relu alpha=0.3
        d2 = dense units=6
        leaky_relu alpha=0.3
        d3 = dense units=1 act=sigmoid
    end
    fake = gen(noise)
    seen = disc(image)
    made = disc(fake)
    good = binary_cross_entropy(seen, one)
    bad = binary_cross_entropy(made, zero)
    disc_loss = add(good, bad)
    gen_loss = binary_cross_entropy(made, one)
    train loss=disc_loss optimizer="OPTIMIZER" params=disc.* name=disc
    train loss=gen_loss optimizer="OPTIMIZER" params=gen.* name=gen"""

CONDITIONAL = f"""
    block gen(z, label)
        g0 = embedding(label) vocabulary={CLASSES} width=4
        both = concat(z, g0)
        g1 = dense(both) units={PIXELS // 2} bias=no
        g2 = batch_norm(g1)
        leaky_relu alpha=0.3
        reshape shape=n,{SIDE // 2},{SIDE // 2},2
        g3 = conv2d_transpose filters=1 kernel=4 stride=2 padding=same act=tanh
    end
    block disc(x, label)
        d1 = conv2d(x) filters=3 kernel=3 stride=2 padding=same
        leaky_relu alpha=0.3
        f = flatten
        d0 = embedding(label) vocabulary={CLASSES} width=4
        both = concat(f, d0)
        d3 = dense(both) units=1
    end
    fake = gen(noise, label)
    seen = disc(image, label)
    made = disc(fake, label)
    good = binary_cross_entropy(seen, one) from_logits=yes
    bad = binary_cross_entropy(made, zero) from_logits=yes
    disc_loss = add(good, bad)
    gen_loss = binary_cross_entropy(made, one) from_logits=yes
    train loss=disc_loss optimizer="OPTIMIZER" params=disc.* name=disc
    train loss=gen_loss optimizer="OPTIMIZER" params=gen.* name=gen"""


def data(labelled):
    found = {"noise": real(NOISE), "image": real(SIDE, SIDE, 1, seed=8), "one": np.ones((ROWS, 1), "float32"),
             "zero": np.zeros((ROWS, 1), "float32")}
    return found | ({"label": whole(CLASSES, seed=9)} if labelled else {})


def lines(parts, gen, disc, bce):
    """The two losses: the generator's pass is done anew for its own line, after the discriminator's step, and moves
    batch_norm's running statistics there only."""
    def disc_loss(noise, image, one, zero, **label):
        norm = parts["gen.g2"]
        norm.momentum, kept = 1, norm.momentum
        fake = gen(noise, **label)
        norm.momentum = kept
        return bce(disc(image, **label), one) + bce(disc(fake, **label), zero)

    def gen_loss(noise, image, one, zero, **label):
        return bce(disc(gen(noise, **label), **label), one)
    return [(disc_loss, [n for n in parts if n.startswith("disc.")]),
            (gen_loss, [n for n in parts if n.startswith("gen.")])]


def torch_dense(e):
    nn = e.nn
    parts = {"gen.g1": nn.Linear(NOISE, 8, bias=False), "gen.g2": e.BatchNorm(8), "gen.g3": nn.Linear(8, PIXELS),
             "disc.d1": nn.Linear(PIXELS, 12), "disc.d2": nn.Linear(12, 6), "disc.d3": nn.Linear(6, 1)}
    gen = nn.Sequential(parts["gen.g1"], parts["gen.g2"], nn.LeakyReLU(0.3), parts["gen.g3"], nn.Tanh(),
                        nn.Unflatten(1, (SIDE, SIDE, 1)))
    disc = nn.Sequential(nn.Flatten(), parts["disc.d1"], nn.LeakyReLU(0.3), parts["disc.d2"], nn.LeakyReLU(0.3),
                         parts["disc.d3"], nn.Sigmoid())
    return parts, lines(parts, gen, disc, e.bce)


def keras_dense(e):
    k = e.layers
    parts = {"gen.g1": k.Dense(8, use_bias=False), "gen.g2": k.BatchNormalization(),
             "gen.g3": k.Dense(PIXELS, activation="tanh"), "disc.d1": k.Dense(12), "disc.d2": k.Dense(6),
             "disc.d3": k.Dense(1, activation="sigmoid")}

    def gen(z):
        z = k.LeakyReLU(0.3)(parts["gen.g2"](parts["gen.g1"](z), training=True))
        return e.ops.reshape(parts["gen.g3"](z), (-1, SIDE, SIDE, 1))

    def disc(x):
        x = k.LeakyReLU(0.3)(parts["disc.d1"](e.ops.reshape(x, (-1, PIXELS))))
        return parts["disc.d3"](k.LeakyReLU(0.3)(parts["disc.d2"](x)))
    return parts, lines(parts, gen, disc, e.bce)


def torch_conditional(e):
    nn, half = e.nn, SIDE // 2
    parts = {"gen.g0": nn.Embedding(CLASSES, 4), "gen.g1": nn.Linear(NOISE + 4, PIXELS // 2, bias=False),
             "gen.g2": e.BatchNorm(PIXELS // 2), "gen.g3": nn.ConvTranspose2d(2, 1, 4, 2, 1),
             "disc.d0": nn.Embedding(CLASSES, 4), "disc.d1": nn.Conv2d(1, 3, 3, 2),
             "disc.d3": nn.Linear(3 * half * half + 4, 1)}

    def gen(z, label):
        z = e.torch.cat((z, parts["gen.g0"](label)), -1)
        z = e.F.leaky_relu(parts["gen.g2"](parts["gen.g1"](z)), 0.3).unflatten(1, (half, half, 2))
        return e.torch.tanh(parts["gen.g3"](z.movedim(-1, 1))).movedim(1, -1)

    def disc(x, label):
        x = parts["disc.d1"](e.F.pad(x.movedim(-1, 1), (0, 1, 0, 1))).movedim(1, -1)
        x = e.F.leaky_relu(x, 0.3).flatten(1)
        return parts["disc.d3"](e.torch.cat((x, parts["disc.d0"](label)), -1))
    return parts, lines(parts, gen, disc, e.F.binary_cross_entropy_with_logits)


def keras_conditional(e):
    k, half = e.layers, SIDE // 2
    parts = {"gen.g0": k.Embedding(CLASSES, 4), "gen.g1": k.Dense(PIXELS // 2, use_bias=False),
             "gen.g2": k.BatchNormalization(),
             "gen.g3": k.Conv2DTranspose(1, 4, 2, "same", activation="tanh"), "disc.d0": k.Embedding(CLASSES, 4),
             "disc.d1": k.Conv2D(3, 3, 2, "same"), "disc.d3": k.Dense(1)}
    leaky = k.LeakyReLU(0.3)
    bce = e.keras.losses.BinaryCrossentropy(from_logits=True)

    def gen(z, label):
        z = parts["gen.g1"](e.ops.concatenate((z, parts["gen.g0"](label)), -1))
        z = leaky(parts["gen.g2"](z, training=True))
        return parts["gen.g3"](e.ops.reshape(z, (-1, half, half, 2)))

    def disc(x, label):
        x = e.ops.reshape(leaky(parts["disc.d1"](x)), (x.shape[0], -1))
        return parts["disc.d3"](e.ops.concatenate((x, parts["disc.d0"](label)), -1))
    return parts, lines(parts, gen, disc, lambda prediction, label: bce(label, prediction))


def cases():
    for optimizer in ("sgd lr=0.1", "adam lr=0.01 epsilon=1e-14"):
        name = optimizer.split()[0]
        yield Case(f"gan_{name}", DENSE.replace("OPTIMIZER", optimizer), data(False), torch_dense, keras_dense,
                   optimizer)
    optimizer = "sgd lr=0.1"
    yield Case("gan_conditional", CONDITIONAL.replace("OPTIMIZER", optimizer), data(True), torch_conditional,
               keras_conditional, optimizer)
