//! Which processor runs the model. Devices are data: each has a name, is built in or not, and says how
//! the runtime is asked for it. Where one cannot be had the processor serves, and one sentence says why.

use ort::ep::ExecutionProviderDispatch;
use ort::memory::Allocator;
use ort::session::Session;

/// Where a model runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor; always there.
    #[default]
    Cpu,
    /// An NVIDIA card, by its number. Needs the crate feature `cuda` and a library with that provider.
    Cuda(i32),
    /// Any card under Windows. Needs the crate feature `directml`.
    DirectMl,
    /// Apple's accelerators. Needs the crate feature `coreml`.
    CoreMl,
    /// A card by WebGPU. Needs the crate feature `webgpu`.
    WebGpu,
}

impl Device {
    /// All of them.
    pub const ALL: [Device; 5] = [
        Device::Cpu,
        Device::Cuda(0),
        Device::DirectMl,
        Device::CoreMl,
        Device::WebGpu,
    ];

    /// As settings spell it.
    pub fn name(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::DirectMl => "directml",
            Device::CoreMl => "coreml",
            Device::WebGpu => "webgpu",
        }
    }

    /// The device of that name; `cuda:1` is the second card.
    ///
    /// ```
    /// use foretoken_infer::Device;
    /// assert_eq!(Device::from_name("cuda:1"), Some(Device::Cuda(1)));
    /// assert_eq!(Device::from_name("tpu"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Device> {
        if let Some(number) = name.strip_prefix("cuda:") {
            return number.parse().ok().filter(|at| *at >= 0).map(Device::Cuda);
        }
        Device::ALL.into_iter().find(|device| device.name() == name)
    }

    /// Whether this program was built with it.
    pub fn is_built(self) -> bool {
        match self {
            Device::Cpu => true,
            Device::Cuda(_) => cfg!(feature = "cuda"),
            Device::DirectMl => cfg!(feature = "directml"),
            Device::CoreMl => cfg!(feature = "coreml"),
            Device::WebGpu => cfg!(feature = "webgpu"),
        }
    }

    /// How the runtime is asked for it; `None` for the processor, which it uses unasked. `bytes` is what
    /// the model may take of the device's memory: weights, state and one step.
    pub(crate) fn provider(self, bytes: usize) -> Option<ExecutionProviderDispatch> {
        // Unused without any of the features.
        let _ = bytes;
        match self {
            #[cfg(feature = "cuda")]
            Device::Cuda(at) => Some(
                ort::ep::CUDA::default()
                    .with_device_id(at)
                    .with_memory_limit(bytes)
                    .with_arena_extend_strategy(ort::ep::ArenaExtendStrategy::SameAsRequested)
                    .build()
                    .error_on_failure(),
            ),
            #[cfg(feature = "directml")]
            Device::DirectMl => Some(ort::ep::DirectML::default().build().error_on_failure()),
            #[cfg(feature = "coreml")]
            Device::CoreMl => Some(ort::ep::CoreML::default().build().error_on_failure()),
            #[cfg(feature = "webgpu")]
            Device::WebGpu => Some(ort::ep::WebGPU::default().build().error_on_failure()),
            _ => None,
        }
    }

    /// Where the attention state lies, for devices whose memory the runtime binds without copying;
    /// `None` is the processor's memory.
    ///
    /// # Errors
    /// Those of the runtime.
    pub(crate) fn place(self, session: &Session) -> ort::Result<Option<Allocator>> {
        // Unused without the feature.
        let _ = session;
        match self {
            #[cfg(feature = "cuda")]
            Device::Cuda(at) => {
                use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
                let info = MemoryInfo::new(
                    AllocationDevice::CUDA,
                    at,
                    AllocatorType::Device,
                    MemoryType::Default,
                )?;
                Allocator::new(session, info).map(Some)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Device;

    #[test]
    fn devices_are_known_by_their_names() {
        for device in Device::ALL {
            assert_eq!(Device::from_name(device.name()), Some(device));
        }
        assert_eq!(Device::from_name("cuda:3"), Some(Device::Cuda(3)));
        for name in ["", "gpu", "cuda:", "cuda:-1", "CPU"] {
            assert_eq!(Device::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn the_processor_needs_no_provider() {
        assert!(Device::Cpu.is_built() && Device::Cpu.provider(0).is_none());
    }
}
