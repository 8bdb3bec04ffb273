//! Everything random of a world, from one seed.

#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn random(&mut self) -> u64 {
        // xorshift64* (Vigna).
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        f64::from(u32::try_from(self.random() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// Of mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).max(1e-12).ln()
    }

    /// Of a gamma distribution of mean 1.
    pub(crate) fn queue(&mut self, shape: u16) -> f64 {
        (0..shape).map(|_| self.exponential()).sum::<f64>() / f64::from(shape)
    }

    /// Of mean 0 and standard deviation 1.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}
