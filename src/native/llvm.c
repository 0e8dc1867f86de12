/* llvm.c: LLVM IR becomes machine code in memory, for the CPU at hand.
 *
 * IR passes are left out: the graph and the tape have done their work. The code generator selects instructions quickly
 * (FastISel) and allocates registers well; past STRAIGHT_MOST operations it does neither: code that is a tenth slower at
 * most then comes in a quarter of the time, and in time linear in its length. Object and link are separate steps so that
 * their seconds can be told apart. */
#include "native/llvm_emit.h"

#include "base/clock.h"

#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { STRAIGHT_MOST = 3000 };

struct LlvmCode {
    LLVMOrcLLJITRef jit;
};

static pthread_once_t target_once = PTHREAD_ONCE_INIT; /* LLVM's registry of targets is one for the process */

static void target_initialise(void) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
}

static LagStatus no_memory(char *why, size_t why_size) {
    snprintf(why, why_size, "out of memory");
    return LAG_ERROR_MEMORY;
}

/* A machine for the CPU at hand; NULL, with the reason, where LLVM has none. */
static LLVMTargetMachineRef machine_new(bool optimise, char *why, size_t why_size) {
    pthread_once(&target_once, target_initialise);
    char *triple = LLVMGetDefaultTargetTriple(), *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures(),
         *error = NULL;
    LLVMTargetRef target = NULL;
    LLVMTargetMachineRef machine = NULL;
    if (LLVMGetTargetFromTriple(triple, &target, &error) == 0)
        machine =
            LLVMCreateTargetMachine(target, triple, cpu, features, optimise ? LLVMCodeGenLevelDefault : LLVMCodeGenLevelNone,
                                    LLVMRelocPIC, LLVMCodeModelSmall);
    if (machine)
        LLVMSetTargetMachineFastISel(machine, 1);
    else
        snprintf(why, why_size, "LLVM has no code generator for this machine: %s", error ? error : triple);
    if (error) LLVMDisposeMessage(error);
    LLVMDisposeMessage(triple);
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
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

/* The job's IR and machine. Both are the caller's on success. */
static LagStatus begin(LLVMContextRef context, const LlvmJob *job, LLVMModuleRef *module, LLVMTargetMachineRef *machine,
                       char *why, size_t why_size) {
    uint64_t straight;
    *module = llvm_emit(context, job, &straight);
    if (!*module) return no_memory(why, why_size);
    *machine = machine_new(straight <= STRAIGHT_MOST, why, why_size);
    if (*machine) {
        prepare(*module, *machine);
        return LAG_OK;
    }
    LLVMDisposeModule(*module);
    return LAG_ERROR_BACKEND;
}

static LagStatus generate(LLVMModuleRef module, LLVMTargetMachineRef machine, LLVMCodeGenFileType kind,
                          LLVMMemoryBufferRef *out, char *why, size_t why_size) {
    char *error = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, kind, &error, out) == 0) return LAG_OK;
    snprintf(why, why_size, "LLVM could not generate code: %s", error ? error : "");
    LLVMDisposeMessage(error);
    return LAG_ERROR_BACKEND;
}

/* ---- Linking ---- */

static LagStatus failed(LLVMErrorRef error, char *why, size_t why_size) {
    char *message = LLVMGetErrorMessage(error); /* consumes the error */
    snprintf(why, why_size, "LLVM could not link code: %s", message);
    LLVMDisposeErrorMessage(message);
    return LAG_ERROR_BACKEND;
}

/* The elementary functions' addresses, so that generated code calls what the interpreter calls. */
static LLVMErrorRef define_functions(LLVMOrcLLJITRef jit, LLVMOrcJITDylibRef library) {
    LLVMOrcCSymbolMapPair pair[TAPE_CODE_COUNT];
    size_t count = 0;
    for (int code = 0; code < TAPE_CODE_COUNT; code++) {
        NativeFunction1 *one = native_function1((TapeCode)code);
        NativeFunction2 *two = native_function2((TapeCode)code);
        if (!one && !two) continue;
        LLVMOrcExecutorAddress address =
            one ? (LLVMOrcExecutorAddress)(uintptr_t)one : (LLVMOrcExecutorAddress)(uintptr_t)two;
        LLVMJITSymbolFlags flags = {LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable, 0};
        pair[count++] =
            (LLVMOrcCSymbolMapPair){LLVMOrcLLJITMangleAndIntern(jit, native_symbol((TapeCode)code)), {address, flags}};
    }
    LLVMOrcMaterializationUnitRef unit = LLVMOrcAbsoluteSymbols(pair, count);
    LLVMErrorRef error = LLVMOrcJITDylibDefine(library, unit);
    if (error) LLVMOrcDisposeMaterializationUnit(unit);
    return error;
}

/* Takes the object over, whatever comes of it. */
static LagStatus link_object(LLVMMemoryBufferRef object, const LlvmJob *job, LLVMOrcLLJITRef *out, LagNative **run,
                             char *why, size_t why_size) {
    LLVMOrcLLJITRef jit;
    LLVMErrorRef error = LLVMOrcCreateLLJIT(&jit, LLVMOrcCreateLLJITBuilder());
    if (error) {
        LLVMDisposeMemoryBuffer(object);
        return failed(error, why, why_size);
    }
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit);
    error = define_functions(jit, library);
    if (error)
        LLVMDisposeMemoryBuffer(object);
    else
        error = LLVMOrcLLJITAddObjectFile(jit, library, object);
    for (uint32_t i = 0; i < job->count && !error; i++) {
        LLVMOrcExecutorAddress address = 0;
        if (job->tape[i]) error = LLVMOrcLLJITLookup(jit, &address, job->name[i]);
        run[i] = (LagNative *)(uintptr_t)address;
    }
    if (!error) {
        *out = jit;
        return LAG_OK;
    }
    LagStatus status = failed(error, why, why_size);
    error = LLVMOrcDisposeLLJIT(jit);
    if (error) LLVMConsumeError(error);
    return status;
}

/* ---- The face ---- */

LagStatus llvm_compile(const LlvmJob *job, LagTimings *timings, LlvmCode **code, LagNative **run, char *why,
                       size_t why_size) {
    LLVMModuleRef module;
    LLVMTargetMachineRef machine;
    LLVMMemoryBufferRef object = NULL;
    LlvmCode *new = memory_new(sizeof *new);
    if (!new) return no_memory(why, why_size);
    double start = clock_seconds();
    LLVMContextRef context = LLVMContextCreate();
    LagStatus status = begin(context, job, &module, &machine, why, why_size);
    double emitted = clock_seconds(), generated = emitted;
    timings->emit += emitted - start;
    if (status == LAG_OK) {
        status = generate(module, machine, LLVMObjectFile, &object, why, why_size);
        generated = clock_seconds();
        timings->codegen += generated - emitted;
        LLVMDisposeTargetMachine(machine);
        LLVMDisposeModule(module);
    }
    LLVMContextDispose(context);
    if (status == LAG_OK) status = link_object(object, job, &new->jit, run, why, why_size);
    timings->link += clock_seconds() - generated;
    if (status == LAG_OK)
        *code = new;
    else
        memory_free(new);
    return status;
}

void llvm_free(LlvmCode *code) {
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(code->jit);
    if (error) LLVMConsumeError(error);
    memory_free(code);
}

LagStatus llvm_print(const LlvmJob *job, bool assembly, Buffer *out) {
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module;
    LLVMTargetMachineRef machine;
    LLVMMemoryBufferRef text = NULL;
    char why[256];
    LagStatus status = begin(context, job, &module, &machine, why, sizeof why);
    if (status == LAG_OK) {
        if (assembly) {
            status = generate(module, machine, LLVMAssemblyFile, &text, why, sizeof why);
        } else {
            char *ir = LLVMPrintModuleToString(module);
            buffer_text(out, ir);
            LLVMDisposeMessage(ir);
        }
        if (text) {
            buffer_add(out, LLVMGetBufferStart(text), LLVMGetBufferSize(text));
            LLVMDisposeMemoryBuffer(text);
        }
        LLVMDisposeTargetMachine(machine);
        LLVMDisposeModule(module);
    }
    LLVMContextDispose(context);
    return status;
}
