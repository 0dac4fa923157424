//! Elementary functions on single floats, free of branches so that loops over them become vectors.
#![expect(clippy::excessive_precision, reason = "the constants as published, of which some are exact")]

/// `a * b + c`, fused where the instruction set has it.
#[inline(always)]
pub(crate) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// e^x for x ≤ 88, relative error below 2e-7; 0 for x < −87, also for −∞ (Cephes `expf`).
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    const TO_INTEGER: f32 = 12_582_912.0; // 1.5 · 2^23: adding it rounds to a whole number in the low bits
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, TO_INTEGER);
    let n = shifted - TO_INTEGER;
    let r = fma::<FMA>(n, -0.693_359_375, x);
    let r = fma::<FMA>(n, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    p = fma::<FMA>(p, r, 1.398_199_9e-3);
    p = fma::<FMA>(p, r, 8.333_452e-3);
    p = fma::<FMA>(p, r, 4.166_579_6e-2);
    p = fma::<FMA>(p, r, 1.666_666_5e-1);
    p = fma::<FMA>(p, r, 0.5);
    p = fma::<FMA>(p, r * r, r + 1.0);
    let exponent = shifted.to_bits().wrapping_add(127).wrapping_sub(TO_INTEGER.to_bits()) << 23;
    if x < -87.0 { 0.0 } else { p * f32::from_bits(exponent) }
}

/// As [`exp`], for any x: ∞ for x > 88, where a wrapped exponent would otherwise give a number of any size and sign.
#[inline(always)]
pub(crate) fn exp_any<const FMA: bool>(x: f32) -> f32 {
    if x > 88.0 { f32::INFINITY } else { exp::<FMA>(x) }
}

/// ln x for normal x > 0, absolute error below 1e-7 near 1 and relative 1e-7 elsewhere (Cephes `logf`).
#[inline(always)]
pub(crate) fn ln<const FMA: bool>(x: f32) -> f32 {
    let bits = x.to_bits();
    // Mantissa in √½..√2, so that the polynomial's argument is small.
    let offset = bits.wrapping_sub(0x3f35_04f3);
    let n = (offset.cast_signed() >> 23) as f32;
    let m = f32::from_bits((offset & 0x007f_ffff).wrapping_add(0x3f35_04f3)) - 1.0;
    let mut p = 7.037_683_6e-2;
    p = fma::<FMA>(p, m, -1.151_461e-1);
    p = fma::<FMA>(p, m, 1.167_699_9e-1);
    p = fma::<FMA>(p, m, -1.242_014_1e-1);
    p = fma::<FMA>(p, m, 1.424_932_3e-1);
    p = fma::<FMA>(p, m, -1.666_805_8e-1);
    p = fma::<FMA>(p, m, 2.000_071_5e-1);
    p = fma::<FMA>(p, m, -2.499_999_4e-1);
    p = fma::<FMA>(p, m, 3.333_333_1e-1);
    let z = m * m;
    let y = fma::<FMA>(n, -2.121_944_4e-4, p * m * z);
    let y = fma::<FMA>(z, -0.5, y);
    fma::<FMA>(n, 0.693_359_375, m + y)
}

/// (sin 2πt, cos 2πt) for t in 0..1, absolute error below 3e-7.
#[inline(always)]
pub(crate) fn sin_cos_turn<const FMA: bool>(t: f32) -> (f32, f32) {
    // The nearest quarter turn q, and what is left of the turn as an angle in −π/4..π/4.
    const TO_INTEGER: f32 = 12_582_912.0;
    let shifted = fma::<FMA>(t, 4.0, TO_INTEGER);
    let a = (t - (shifted - TO_INTEGER) * 0.25) * std::f32::consts::TAU;
    let q = shifted.to_bits();
    let z = a * a;
    let mut s = -1.951_529_6e-4;
    s = fma::<FMA>(s, z, 8.332_161e-3);
    s = fma::<FMA>(s, z, -1.666_665_5e-1);
    let s = fma::<FMA>(s * z, a, a);
    let mut c = 2.443_315_7e-5;
    c = fma::<FMA>(c, z, -1.388_731_6e-3);
    c = fma::<FMA>(c, z, 4.166_664_6e-2);
    let c = fma::<FMA>(c * z, z, fma::<FMA>(z, -0.5, 1.0));
    let (sine, cosine) = if q & 1 == 0 { (s, c) } else { (c, s) };
    (
        f32::from_bits(sine.to_bits() ^ ((q & 2) << 30)),
        f32::from_bits(cosine.to_bits() ^ ((q.wrapping_add(1) & 2) << 30)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for i in -87_000..8_800 {
            let x = i as f32 / 1e3;
            let want = x.exp();
            for got in [exp::<true>(x), exp::<false>(x)] {
                assert!((got - want).abs() <= 3e-7 * want, "exp({x}) = {got}, not {want}");
            }
        }
        assert_eq!(exp::<true>(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp::<false>(0.0), 1.0);
    }

    #[test]
    fn ln_agrees_with_the_standard_library() {
        for i in 1..100_000 {
            let x = i as f32 * 3e-5;
            for got in [ln::<true>(x), ln::<false>(x)] {
                assert!((got - x.ln()).abs() <= 3e-7 * x.ln().abs().max(1.0), "ln({x}) = {got}, not {}", x.ln());
            }
        }
    }

    #[test]
    fn sine_and_cosine_agree_with_the_standard_library() {
        for i in 0..100_000 {
            let t = i as f32 * 1e-5;
            let (s, c) = sin_cos_turn::<true>(t);
            let (ws, wc) = (f64::from(t) * std::f64::consts::TAU).sin_cos();
            assert!(
                (f64::from(s) - ws).abs() < 4e-7 && (f64::from(c) - wc).abs() < 4e-7,
                "{t}: {s} {c}, not {ws} {wc}"
            );
        }
    }
}
