/* Our prototypes against the toolkit's cuda.h: two declarations of a function
 * that differ do not compile, a name that cuda.h maps to one we lack does not
 * link. Then the constants and structures that we declare ourselves, and calls
 * as a program makes them. */
#include <cuda.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if CUDA_VERSION < 13000
int main(void) {
  printf("skipped: cuda.h is of CUDA %d\n", CUDA_VERSION);
  return 77;
}
#else
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define FUNCTION(NAME, PARAMETERS) CUresult CUDAAPI NAME PARAMETERS;
#define VERSIONED(NAME, SUFFIX, PARAMETERS)                                    \
  CUresult CUDAAPI NAME##SUFFIX PARAMETERS;
#define LEGACY(NAME, PARAMETERS)
#include "runtime/Emulator/DriverFunctions.inc"

/* By the names that programs write. */
static void *const functions[] = {
#define FUNCTION(NAME, PARAMETERS) (void *)NAME,
#define VERSIONED(NAME, SUFFIX, PARAMETERS) (void *)NAME,
#define LEGACY(NAME, PARAMETERS)
#include "runtime/Emulator/DriverFunctions.inc"
};

_Static_assert(sizeof(CUlaunchAttribute) == 72, "");
_Static_assert(offsetof(CUlaunchAttribute, value) == 8, "");
_Static_assert(sizeof(CUlaunchConfig) == 56, "");
_Static_assert(offsetof(CUlaunchConfig, hStream) == 32, "");
_Static_assert(sizeof(CUctxCreateParams) == 24, "");
_Static_assert(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION == 4, "");
_Static_assert(CU_LAUNCH_ATTRIBUTE_COOPERATIVE == 2, "");
_Static_assert(CU_LAUNCH_ATTRIBUTE_PRIORITY == 8, "");
_Static_assert(CU_JIT_ERROR_LOG_BUFFER == 5, "");
_Static_assert(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES == 6, "");
_Static_assert(CU_JIT_INFO_LOG_BUFFER == 3, "");
_Static_assert(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES == 8, "");
_Static_assert(CU_FUNC_ATTRIBUTE_MAX == 16, "");
_Static_assert(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN == 97, "");
_Static_assert(CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR == 106, "");
_Static_assert(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR == 82, "");
_Static_assert(CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK == 111, "");
_Static_assert(CUDA_ERROR_NO_BINARY_FOR_GPU == 209, "");
_Static_assert(CUDA_ERROR_CONTEXT_IS_DESTROYED == 709, "");
_Static_assert(CUDA_ERROR_MISALIGNED_ADDRESS == 716, "");

static int failures = 0;
static void expect(int isTrue, const char *what) {
  if (!isTrue)
    printf("failed: %s\n", what), ++failures;
}
#define EXPECT(CONDITION) expect(CONDITION, #CONDITION)

static const char ptx[] = ".version 8.0\n.target sm_80\n.address_size 64\n"
                          ".visible .entry store(.param .u64 p) {\n"
                          ".reg .b64 %rd<2>;\nld.param.u64 %rd1, [p];\n"
                          "st.global.u32 [%rd1], 42;\nret;\n}\n";

int main(void) {
  CUdevice device;
  CUcontext context;
  CUmodule module;
  CUfunction function;
  CUdeviceptr address;
  CUresult (*synchronize)(void) = NULL;
  CUdriverProcAddressQueryResult found;
  int value = 0;
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i)
    EXPECT(functions[i] != NULL);
  EXPECT(cuInit(0) == CUDA_SUCCESS);
  EXPECT(cuDeviceGet(&device, 0) == CUDA_SUCCESS);
  EXPECT(cuCtxCreate(&context, NULL, CU_CTX_SCHED_SPIN, device) ==
         CUDA_SUCCESS);
  EXPECT(cuModuleLoadData(&module, ptx) == CUDA_SUCCESS);
  EXPECT(cuModuleGetFunction(&function, module, "store") == CUDA_SUCCESS);
  EXPECT(cuMemAlloc(&address, 4) == CUDA_SUCCESS);
  CUlaunchAttribute attribute;
  memset(&attribute, 0, sizeof(attribute));
  attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attribute.value.clusterDim.x = 1;
  attribute.value.clusterDim.y = 1;
  attribute.value.clusterDim.z = 1;
  CUlaunchConfig config = {1,          1, 1, 1, 1, 1, 0, CU_STREAM_LEGACY,
                           &attribute, 1};
  void *parameters[] = {&address};
  EXPECT(cuLaunchKernelEx(&config, function, parameters, NULL) == CUDA_SUCCESS);
  EXPECT(cuGetProcAddress("cuCtxSynchronize", (void **)&synchronize, 13000,
                          CU_GET_PROC_ADDRESS_DEFAULT, &found) == CUDA_SUCCESS);
  EXPECT(found == CU_GET_PROC_ADDRESS_SUCCESS);
  EXPECT(synchronize && synchronize() == CUDA_SUCCESS);
  EXPECT(cuMemcpyDtoH(&value, address, 4) == CUDA_SUCCESS);
  EXPECT(value == 42);
  attribute.value.clusterDim.x = 2;
  EXPECT(cuLaunchKernelEx(&config, function, parameters, NULL) ==
         CUDA_ERROR_NOT_SUPPORTED);
  EXPECT(cuCtxDestroy(context) == CUDA_SUCCESS);
  return failures != 0;
}
#endif
