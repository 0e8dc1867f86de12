/* llvm.c: the program lag-llvm: tapes through LLVM IR to an object, for the CPU at hand.
 *
 * IR passes are left out: the graph and the tape have done their work. Quick code is LLVM's level 0, a tenth to a third
 * slower and made in a fifth of the time. Optimised code selects instructions quickly too (FastISel) but allocates registers
 * well; its machine scheduler is switched off: it takes time squared in a block's length, and gains nothing here. Past
 * STRAIGHT_MOST operations allocating registers well stops paying, and both are the same. */
#include "native/backend.h"
#include "native/llvm_emit.h"

#include "base/clock.h"
#include "native/cpu.h"

#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <stdio.h>
#include <string.h>

enum { STRAIGHT_MOST = 2000, WHOLE_MOST = 20000 };

/* The CPU at hand, as LLVM names it. On x86-64 only what this code can use is looked for: LLVM takes longer over all the
 * rest than over a small job. */
static LLVMTargetMachineRef machine_for(LLVMTargetRef target, const char *triple, LLVMCodeGenOptLevel level) {
#if defined(__x86_64__)
    char features[64] = "";
    if (cpu_has(CPU_AVX)) strcat(features, "+avx");
    if (cpu_has(CPU_AVX2)) strcat(features, ",+avx2");
    if (cpu_has(CPU_FMA)) strcat(features, ",+fma");
    if (cpu_has(CPU_AVX512)) strcat(features, ",+avx512vl,+avx512dq");
    return LLVMCreateTargetMachine(target, triple, "x86-64", features, level, LLVMRelocPIC, LLVMCodeModelSmall);
#else
    char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
    LLVMTargetMachineRef machine =
        LLVMCreateTargetMachine(target, triple, cpu, features, level, LLVMRelocPIC, LLVMCodeModelSmall);
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
    return machine;
#endif
}

/* A machine that optimises, or one that doesn't; NULL, with the reason, where LLVM has none. */
static LLVMTargetMachineRef machine_new(bool optimise, char *why, size_t why_size) {
    char *triple = LLVMGetDefaultTargetTriple(), *error = NULL;
    LLVMTargetRef target = NULL;
    LLVMTargetMachineRef machine = NULL;
    if (LLVMGetTargetFromTriple(triple, &target, &error) == 0)
        machine = machine_for(target, triple, optimise ? LLVMCodeGenLevelDefault : LLVMCodeGenLevelNone);
    if (!machine) snprintf(why, why_size, "LLVM has no code generator for this machine: %s", error ? error : triple);
    if (error) LLVMDisposeMessage(error);
    LLVMDisposeMessage(triple);
    return machine;
}

static void prepare(LLVMModuleRef module, LLVMTargetMachineRef machine) {
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    char *triple = LLVMGetTargetMachineTriple(machine);
    LLVMSetModuleDataLayout(module, layout);
    LLVMSetTarget(module, triple);
    LLVMDisposeMessage(triple);
    LLVMDisposeTargetData(layout);
}

static void print_ir(LLVMModuleRef module, Buffer *out) {
    char *ir = LLVMPrintModuleToString(module);
    buffer_text(out, ir);
    LLVMDisposeMessage(ir);
}

static LagStatus generate(LLVMModuleRef module, LLVMTargetMachineRef machine, LLVMCodeGenFileType kind, Buffer *out,
                          char *why, size_t why_size) {
    char *error = NULL;
    LLVMMemoryBufferRef made;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, kind, &error, &made) != 0) {
        snprintf(why, why_size, "LLVM could not generate code: %s", error ? error : "");
        LLVMDisposeMessage(error);
        return LAG_ERROR_BACKEND;
    }
    buffer_add(out, LLVMGetBufferStart(made), LLVMGetBufferSize(made));
    LLVMDisposeMemoryBuffer(made);
    return LAG_OK;
}

/* The machines that have been needed so far: that which optimises is the second. */
typedef struct Machines {
    LLVMTargetMachineRef machine[2];
} Machines;

static LagStatus compile_in(LLVMContextRef context, Machines *machines, const NativeJob *job, LagBackend road,
                            BackendForm form, LagTimings *timings, Buffer *out, char *why, size_t why_size) {
    double start = clock_seconds();
    bool whole = job_repeats(job);
    bool optimise = road == LAG_BACKEND_LLVM && job_straight(job, true) <= (whole ? WHOLE_MOST : STRAIGHT_MOST);
    LLVMModuleRef module = llvm_emit(context, job, optimise);
    if (!module) return snprintf(why, why_size, "out of memory"), LAG_ERROR_MEMORY;
    LLVMTargetMachineRef *machine = &machines->machine[optimise];
    if (!*machine) *machine = machine_new(optimise, why, why_size);
    LagStatus status = *machine ? LAG_OK : LAG_ERROR_BACKEND;
    double emitted = clock_seconds();
    if (*machine) {
        LLVMSetTargetMachineFastISel(*machine, !(whole && optimise));
        prepare(module, *machine);
        if (form == BACKEND_IR)
            print_ir(module, out);
        else
            status =
                generate(module, *machine, form == BACKEND_ASSEMBLY ? LLVMAssemblyFile : LLVMObjectFile, out, why, why_size);
    }
    LLVMDisposeModule(module);
    timings->emit += emitted - start;
    timings->codegen += clock_seconds() - emitted;
    return status;
}

static LagStatus compile(void *machines, const NativeJob *job, LagBackend road, BackendForm form, LagTimings *timings,
                         Buffer *out, char *why, size_t why_size) {
    LLVMContextRef context = LLVMContextCreate();
    LagStatus status = compile_in(context, machines, job, road, form, timings, out, why, why_size);
    LLVMContextDispose(context);
    return status;
}

int main(void) {
    static const char *const option[] = {"lag-llvm", "-enable-misched=false"};
    Machines machines = {{NULL, NULL}};
    LLVMParseCommandLineOptions(2, option, NULL);
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    serve(compile, &machines);
}
