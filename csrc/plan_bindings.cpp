// A Plan as Python builds and runs it: argument checks and nothing else. Compiled for each type of value.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "bindings.h"
#include "engine.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace ELMAN_SPACE {
namespace {

using AnyArray = nb::ndarray<nb::ro>;

[[noreturn]] void fail(const std::string& message) { throw EngineError(message); }

std::string text(nb::handle object) { return nb::cast<std::string>(nb::str(object)); }

// A name or its number, out of `names`.
int32_t choice(nb::handle value, const std::vector<const char*>& names, const char* what) {
    if (PyLong_Check(value.ptr())) {
        const long number = PyLong_AsLong(value.ptr());
        if (PyErr_Occurred()) PyErr_Clear();
        if (number >= 0 && static_cast<size_t>(number) < names.size()) return static_cast<int32_t>(number);
    } else if (PyUnicode_Check(value.ptr())) {
        const std::string name = text(value);
        for (size_t i = 0; i < names.size(); ++i)
            if (name == names[i]) return static_cast<int32_t>(i);
    }
    std::string valid;
    for (const char* name : names) valid += (valid.empty() ? "" : ", ") + std::string(name);
    fail(std::string(what) + ": expected one of " + valid + " or its number, got " + text(nb::repr(value)));
}

const std::vector<const char*> kPlaces = {"sequence", "shifted", "state", "vector", "sum", "scratch"};
const std::vector<const char*> kSides = {"previous", "next"};
const std::vector<const char*> kSplits = {"auto", "rows", "lanes"};

int64_t integer(nb::handle value, const char* what) {
    const long long number = PyLong_AsLongLong(value.ptr());
    if (number == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        fail(std::string(what) + ": expected an integer of 64 bits, got " + text(nb::repr(value)));
    }
    return number;
}

int32_t small_integer(nb::handle value, const char* what) {
    const int64_t number = integer(value, what);
    if (number < INT32_MIN || number > INT32_MAX)
        fail(std::string(what) + ": expected an integer of 32 bits, got " + std::to_string(number));
    return static_cast<int32_t>(number);
}

nb::tuple tuple_of(nb::handle value, size_t size, const char* what) {
    if (!PyTuple_Check(value.ptr()) || static_cast<size_t>(PyTuple_GET_SIZE(value.ptr())) != size)
        fail(std::string(what) + ", got " + text(nb::repr(value)));
    return nb::borrow<nb::tuple>(value);
}

Port port_of(nb::handle value, const char* what) {
    const std::string expected = std::string(what) + ": expected (buffer, column, side)";
    const nb::tuple t = tuple_of(value, 3, expected.c_str());
    return {small_integer(t[0], what), integer(t[1], what), static_cast<Side>(choice(t[2], kSides, "side"))};
}

std::string shape_text(const std::vector<int64_t>& shape) {
    std::string out = "(";
    for (size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
    return out + (shape.size() == 1 ? ",)" : ")");
}

std::string dtype_text(const nb::dlpack::dtype& type) {
    const char* kind = "type";
    switch (static_cast<nb::dlpack::dtype_code>(type.code)) {
        case nb::dlpack::dtype_code::Int: kind = "int"; break;
        case nb::dlpack::dtype_code::UInt: kind = "uint"; break;
        case nb::dlpack::dtype_code::Float: kind = "float"; break;
        case nb::dlpack::dtype_code::Bfloat: kind = "bfloat"; break;
        case nb::dlpack::dtype_code::Complex: kind = "complex"; break;
        case nb::dlpack::dtype_code::Bool: kind = "bool"; break;
        default: break;
    }
    return kind + std::to_string(type.bits);
}

// An array of exactly this type and shape, rows contiguous. Errors begin with what(), which names the argument.
template <class What>
AnyArray array_of(nb::handle value, nb::dlpack::dtype type, const std::vector<int64_t>& shape, bool written,
                  const What& what) {
    const auto expected = [&] {
        return what() + ": expected " + dtype_text(type) + " " + shape_text(shape) + ", got ";
    };
    AnyArray array;
    bool ok = false;
    if (written) {
        nb::ndarray<> writable;
        ok = nb::try_cast(value, writable);
        if (ok) array = AnyArray(writable);
    } else {
        ok = nb::try_cast(value, array);
    }
    if (!ok) {
        PyErr_Clear();
        fail(expected() + "no " + (written ? "writable " : "") + "array on the CPU but " +
             text(nb::repr(value.type())));
    }
    std::vector<int64_t> got(array.ndim());
    for (size_t i = 0; i < got.size(); ++i) got[i] = static_cast<int64_t>(array.shape(i));
    if (array.dtype() != type || got != shape) fail(expected() + dtype_text(array.dtype()) + " " + shape_text(got));
    if (array.device_type() != nb::device::cpu::value) fail(expected() + "an array on another device");
    const size_t last = got.size() - 1;
    if (array.size() > 1 && got[last] > 1 && array.stride(last) != 1)
        fail(what() + ": expected the last dimension to be contiguous, got stride " +
             std::to_string(array.stride(last)));
    return array;
}

bool is_address(nb::handle value) {
    return PyTuple_Check(value.ptr()) && PyTuple_GET_SIZE(value.ptr()) > 0 &&
           PyLong_Check(PyTuple_GET_ITEM(value.ptr(), 0));
}

Real* pointer(nb::handle value, const char* what) {
    return reinterpret_cast<Real*>(static_cast<uintptr_t>(integer(value, what)));
}

constexpr nb::dlpack::dtype kReal = {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 8 * sizeof(Real), 1};
constexpr nb::dlpack::dtype kInt = {static_cast<uint8_t>(nb::dlpack::dtype_code::Int), 64, 1};

class PyPlan {
  public:
    int add_buffer(nb::handle place, int64_t width) {
        change();
        plan_.buffers.push_back({static_cast<Place>(choice(place, kPlaces, "place")), width});
        return static_cast<int>(plan_.buffers.size()) - 1;
    }

    int add_weight(int64_t rows, int64_t columns) {
        change();
        plan_.weights.push_back({rows, columns});
        return static_cast<int>(plan_.weights.size()) - 1;
    }

    void add_product(int weight, int64_t row0, bool transposed, int64_t gates, int64_t width, nb::sequence segments,
                     nb::handle out, nb::handle bias, bool accumulate, int64_t heads) {
        change();
        Stage stage = {};
        stage.is_product = true;
        ProductStage& p = stage.product;
        p.weight = weight;
        p.row0 = row0;
        p.transposed = transposed;
        p.gates = gates;
        p.width = width;
        for (nb::handle segment : segments) {
            const nb::tuple t = tuple_of(segment, 4, "segments: expected (buffer, column, side, length)");
            const nb::tuple port = nb::make_tuple(t[0], t[1], t[2]);
            p.segments.push_back({port_of(port, "segments"), integer(t[3], "segments")});
        }
        p.out = port_of(out, "out");
        p.has_bias = !bias.is_none();
        p.bias = p.has_bias ? port_of(bias, "bias") : Port{-1, 0, Side::Previous};
        p.accumulate = accumulate;
        p.heads = heads;
        plan_.stages.push_back(std::move(stage));
    }

    void add_vector(int64_t width, nb::sequence ports, int registers, nb::sequence instructions) {
        change();
        Stage stage = {};
        VectorStage& v = stage.vector;
        v.width = width;
        v.registers = registers;
        for (nb::handle port : ports) v.ports.push_back(port_of(port, "ports"));
        for (nb::handle instruction : instructions) {
            const char* what = "instructions";
            const nb::tuple t =
                tuple_of(instruction, 7, "instructions: expected (opcode, dst, a, b, c, alpha, beta)");
            v.instructions.push_back({static_cast<Opcode>(small_integer(t[0], what)), small_integer(t[1], what),
                                      small_integer(t[2], what), small_integer(t[3], what),
                                      small_integer(t[4], what), nb::cast<Real>(t[5]), nb::cast<Real>(t[6])});
        }
        plan_.stages.push_back(std::move(stage));
    }

    void check() {
        ELMAN_SPACE::check(plan_);
        checked_ = true;
    }

    void run(nb::sequence arrays, nb::sequence weights, int64_t steps, int64_t batch, nb::handle lengths,
             bool reverse, int threads, nb::handle split, nb::handle spans, bool bf16) {
        if (!checked_) check();
        Run run;
        run.steps = steps;
        run.batch = batch;
        run.reverse = reverse;
        run.threads = threads;
        run.bf16 = bf16;
        run.split = static_cast<Split>(choice(split, kSplits, "split"));
        std::vector<AnyArray> held;
        if (!lengths.is_none()) {
            held.push_back(array_of(lengths, kInt, {batch}, false, [] { return std::string("lengths"); }));
            if (batch > 1 && held[0].stride(0) != 1) fail("lengths: expected a contiguous array");
            run.lengths = static_cast<const int64_t*>(held[0].data());
        }
        if (!spans.is_none()) take_spans(run, spans, held);
        take_buffers(run, arrays, held);
        take_weights(run, weights, held);
        ++running_;
        struct Done {
            int& running;
            ~Done() { --running; }
        } done{running_};
        nb::gil_scoped_release release;
        ELMAN_SPACE::run(plan_, run);
    }

  private:
    Plan plan_;
    bool checked_ = false;
    int running_ = 0;  // changed with the GIL held, except for the last step, where it does not matter

    void change() {
        if (running_ > 0) fail("the plan cannot change while it runs");
        checked_ = false;
    }

    static size_t entries(nb::handle value) {
        const Py_ssize_t size = PySequence_Size(value.ptr());
        if (size < 0) throw nb::python_error();
        return static_cast<size_t>(size);
    }

    static void take_spans(Run& run, nb::handle spans, std::vector<AnyArray>& held) {
        const std::string what = "spans: expected int64 (spans, 3) beside no lengths";
        nb::ndarray<int64_t, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu, nb::ro> array;
        if (run.lengths != nullptr || !nb::try_cast(spans, array))
            fail(what + ", got " + text(nb::repr(spans.type())));
        held.push_back(AnyArray(array));
        run.spans = reinterpret_cast<const Span*>(array.data());
        run.span_count = static_cast<int64_t>(array.shape(0));
    }

    // (T, B, W), (B, W) or (W), as `rank` says; (spans, W) for (B, W) where sequences are cut.
    Array one(nb::handle value, size_t index, const char* part, int rank, bool written, const Run& run,
              std::vector<AnyArray>& held) const {
        Array array;
        if (value.is_none()) return array;
        const auto what = [&] {
            const char* place = kPlaces[static_cast<size_t>(plan_.buffers[index].place)];
            return "buffer " + std::to_string(index) + " (" + place + (*part ? std::string(", ") + part : "") + ")";
        };
        if (is_address(value)) {
            if (PyTuple_GET_SIZE(value.ptr()) != 3)
                fail(what() + ": expected (address, stride_time, stride_batch), got " + text(nb::repr(value)));
            array.data = pointer(PyTuple_GET_ITEM(value.ptr(), 0), "address");
            array.stride_time = integer(PyTuple_GET_ITEM(value.ptr(), 1), "stride_time");
            array.stride_batch = integer(PyTuple_GET_ITEM(value.ptr(), 2), "stride_batch");
            return array;
        }
        std::vector<int64_t> shape = {run.steps, run.batch, plan_.buffers[index].width};
        shape.erase(shape.begin(), shape.end() - rank);
        if (rank == 2 && run.spans != nullptr) shape[0] = run.span_count;
        held.push_back(array_of(value, kReal, shape, written, what));
        const AnyArray& got = held.back();
        array.data = static_cast<Real*>(const_cast<void*>(got.data()));
        if (rank >= 2) array.stride_batch = got.stride(static_cast<size_t>(rank - 2));
        if (rank >= 3) array.stride_time = got.stride(0);
        return array;
    }

    void take_buffers(Run& run, nb::handle arrays, std::vector<AnyArray>& held) const {
        const size_t count = entries(arrays);
        if (count != plan_.buffers.size())
            fail("arrays: expected one entry for each of the plan's " + std::to_string(plan_.buffers.size()) +
                 " buffers, got " + std::to_string(count));
        const std::vector<char> written = written_buffers(plan_);
        run.buffers.resize(count);
        for (size_t i = 0; i < count; ++i) {
            const nb::object entry = nb::steal(PySequence_GetItem(arrays.ptr(), static_cast<Py_ssize_t>(i)));
            if (!entry.is_valid()) throw nb::python_error();
            take_buffer(run, run.buffers[i], entry, i, written[i] != 0, held);
        }
    }

    void take_buffer(const Run& run, BufferArrays& to, nb::handle entry, size_t i, bool written,
                     std::vector<AnyArray>& held) const {
        const std::string name = "buffer " + std::to_string(i);
        switch (plan_.buffers[i].place) {
            case Place::Sequence: to.main = one(entry, i, "", 3, written, run, held); break;
            case Place::Vector: to.main = one(entry, i, "", 1, false, run, held); break;
            case Place::Sum: to.main = one(entry, i, "", 1, true, run, held); break;
            case Place::Shifted: {
                if (entry.is_none()) break;
                const std::string expected = name + " (shifted): expected (sequence, edge)";
                const nb::tuple t = tuple_of(entry, 2, expected.c_str());
                to.main = one(t[0], i, "sequence", 3, false, run, held);
                to.initial = one(t[1], i, "edge", 2, false, run, held);
                break;
            }
            case Place::State: {
                if (entry.is_none()) break;
                const std::string expected = name + " (state): expected (initial, sequence, final)";
                const nb::tuple t = tuple_of(entry, 3, expected.c_str());
                to.initial = one(t[0], i, "initial", 2, false, run, held);
                to.main = one(t[1], i, "sequence", 3, true, run, held);
                to.final = one(t[2], i, "final", 2, true, run, held);
                break;
            }
            case Place::Scratch:
                if (!entry.is_none()) fail(name + " (scratch): expected None, got " + text(nb::repr(entry)));
                break;
        }
    }

    void take_weights(Run& run, nb::handle weights, std::vector<AnyArray>& held) const {
        const size_t count = entries(weights);
        if (count != plan_.weights.size())
            fail("weights: expected " + std::to_string(plan_.weights.size()) + ", got " + std::to_string(count));
        run.weights.resize(count);
        for (size_t i = 0; i < count; ++i) {
            const nb::object entry = nb::steal(PySequence_GetItem(weights.ptr(), static_cast<Py_ssize_t>(i)));
            if (!entry.is_valid()) throw nb::python_error();
            const auto what = [i] { return "weight " + std::to_string(i); };
            if (is_address(entry)) {
                if (PyTuple_GET_SIZE(entry.ptr()) != 2)
                    fail(what() + ": expected (address, stride_row), got " + text(nb::repr(entry)));
                run.weights[i].data = pointer(PyTuple_GET_ITEM(entry.ptr(), 0), "address");
                run.weights[i].stride_row = integer(PyTuple_GET_ITEM(entry.ptr(), 1), "stride_row");
                continue;
            }
            const Weight& weight = plan_.weights[i];
            held.push_back(array_of(entry, kReal, {weight.rows, weight.columns}, false, what));
            run.weights[i].data = static_cast<const Real*>(held.back().data());
            run.weights[i].stride_row = held.back().stride(0);
        }
    }
};

// (address, stride_time, stride_batch), as PyPlan.run takes them; None: absent.
Array address_of(nb::handle value, const char* what) {
    Array array;
    if (value.is_none()) return array;
    const nb::tuple t = tuple_of(value, 3, (std::string(what) + ": expected (address, stride_time, stride_batch)").c_str());
    array.data = pointer(t[0], what);
    array.stride_time = integer(t[1], what);
    array.stride_batch = integer(t[2], what);
    return array;
}

void run_outer(nb::sequence jobs, int64_t steps, int64_t batch, nb::handle lengths, bool reverse, int threads,
               bool bf16) {
    Run run;
    run.steps = steps;
    run.batch = batch;
    run.reverse = reverse;
    run.threads = threads;
    run.bf16 = bf16;
    AnyArray held;
    if (!lengths.is_none()) {
        held = array_of(lengths, kInt, {batch}, false, [] { return std::string("lengths"); });
        if (batch > 1 && held.stride(0) != 1) fail("lengths: expected a contiguous array");
        run.lengths = static_cast<const int64_t*>(held.data());
    }
    std::vector<OuterJob> found;
    for (nb::handle job : jobs) {
        const nb::tuple t =
            tuple_of(job, 8, "jobs: expected (d, a, edge, rows, columns, before, (address, stride_row), add)");
        const nb::tuple out = tuple_of(t[6], 2, "out: expected (address, stride_row)");
        found.push_back({address_of(t[0], "d"), address_of(t[1], "a"), address_of(t[2], "edge"),
                         integer(t[3], "rows"), integer(t[4], "columns"), nb::cast<bool>(t[5]),
                         pointer(out[0], "out"), integer(out[1], "out"), nb::cast<bool>(t[7])});
    }
    nb::gil_scoped_release release;
    outer(found, run);
}

}  // namespace

void bind_plan(nb::module_& m, const std::string& suffix) {
    nb::class_<PyPlan>(m, ("Plan" + suffix).c_str(), "Stages of one step, and the buffers that they read and write.")
        .def(nb::init<>())
        .def("add_buffer", &PyPlan::add_buffer, "place"_a, "width"_a, "Adds a buffer; returns its index.")
        .def("add_weight", &PyPlan::add_weight, "rows"_a, "columns"_a, "Adds a weight; returns its index.")
        .def("add_product", &PyPlan::add_product, "weight"_a, "row0"_a, "transposed"_a, "gates"_a, "width"_a,
             "segments"_a, "out"_a, "bias"_a.none() = nb::none(), "accumulate"_a = false,
             "heads"_a = 1,
             "Adds a product: segments of (buffer, column, side, length); out and bias are (buffer, column, side).")
        .def("add_vector", &PyPlan::add_vector, "width"_a, "ports"_a, "registers"_a, "instructions"_a,
             "Adds a vector stage: ports of (buffer, column, side), instructions of (opcode, dst, a, b, c, alpha, "
             "beta).")
        .def("check", &PyPlan::check, "Raises ValueError, naming the stage, where the plan cannot be.")
        .def("run", &PyPlan::run, "arrays"_a, "weights"_a, "steps"_a, "batch"_a, "lengths"_a.none() = nb::none(),
             "reverse"_a = false, "threads"_a = 1, "split"_a = "auto", "spans"_a.none() = nb::none(), "bf16"_a = false,
             "Runs the plan. arrays: per buffer None, an array or address, or a tuple of them: shifted (sequence, "
             "edge), state (initial, sequence, final). An address is (address, stride_time, stride_batch), a weight's "
             "(address, stride_row), for memory of the plan's type that the caller has checked and keeps alive. "
             "spans: int64 (N, 3), (sequence, start, length) each, in place of lengths. bf16: products take their operands "
             "in bfloat16 (avx512bf16 alone).");
    m.def(("outer" + suffix).c_str(), &run_outer, "jobs"_a, "steps"_a, "batch"_a, "lengths"_a.none() = nb::none(),
          "reverse"_a = false, "threads"_a = 1, "bf16"_a = false,
          "Weight gradients: for each job (d, a, edge, rows, columns, before, (address, stride_row), add), with d, a "
          "and edge as (address, stride_time, stride_batch), what OuterJob in csrc/engine.h says.");
}

}  // namespace ELMAN_SPACE
