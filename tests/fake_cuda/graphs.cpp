// SPDX-License-Identifier: MIT
// Captures and graphs. The declarations are those of CUDA's header.
#include "tests/fake_cuda/state.hpp"

using idl::fake::cuda_call;
using idl::fake::enqueue;
using idl::fake::state;

namespace {

cudaGraph_t make_graph() {
  auto* graph = new CUgraph_st;
  const std::lock_guard lock(state().mutex);
  state().graphs.insert(graph);
  return graph;
}

void delete_graph(cudaGraph_t graph) {
  const std::lock_guard lock(state().mutex);
  state().graphs.erase(graph);
  delete graph;
}

cudaError_t begin_capture(const char* name, cudaStream_t stream, cudaGraph_t graph) {
  {
    const std::lock_guard lock(state().mutex);
    stream->graph = graph;
    stream->spoiled = false;
    state().capturing.insert(stream);
  }
  return cuda_call(name);
}

}  // namespace

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  return begin_capture("cudaStreamBeginCapture", stream, make_graph());
}
cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                          const cudaGraphNode_t*, const cudaGraphEdgeData*, size_t,
                                          cudaStreamCaptureMode) {
  return begin_capture("cudaStreamBeginCaptureToGraph", stream, graph);
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const cudaError_t status = cuda_call("cudaStreamEndCapture");
  const std::lock_guard lock(state().mutex);
  state().capturing.erase(stream);
  *graph = stream->spoiled ? nullptr : stream->graph;
  stream->graph = nullptr;
  if (stream->spoiled) return cudaErrorStreamCaptureInvalidated;
  return status;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(state().mutex);
  *status = cudaStreamCaptureStatusNone;
  if (stream->graph != nullptr)
    *status = stream->spoiled ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned) {
  *graph = make_graph();
  return cuda_call("cudaGraphCreate");
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  if (graph->body != nullptr) delete_graph(graph->body);
  delete_graph(graph);
  return cuda_call("cudaGraphDestroy");
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  *count = graph->nodes.size();
  // Nobody but the functions below looks at a node: its handle is its type.
  for (std::size_t i = 0; nodes != nullptr && i < *count; ++i)
    nodes[i] = reinterpret_cast<cudaGraphNode_t>(static_cast<std::size_t>(graph->nodes[i]) + 1);
  return cuda_call("cudaGraphGetNodes");
}
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  *type = static_cast<cudaGraphNodeType>(reinterpret_cast<std::size_t>(node) - 1);
  return cudaSuccess;
}
cudaError_t cudaGraphMemcpyNodeGetParams(cudaGraphNode_t, cudaMemcpy3DParms* copy) {
  const std::lock_guard lock(state().mutex);
  *copy = {};
  copy->kind = state().copies;
  return cudaSuccess;
}
cudaError_t cudaGraphConditionalHandleCreate(cudaGraphConditionalHandle* handle, cudaGraph_t,
                                             unsigned, unsigned) {
  *handle = 1;
  return cuda_call("cudaGraphConditionalHandleCreate");
}
cudaError_t cudaGraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t*,
                             const cudaGraphEdgeData*, size_t, cudaGraphNodeParams* parameters) {
  *node = nullptr;
  graph->body = make_graph();
  graph->nodes.push_back(cudaGraphNodeTypeConditional);
  parameters->conditional.phGraph_out = &graph->body;
  return cuda_call("cudaGraphAddNode");
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t, unsigned long long) {
  const cudaError_t status = cuda_call("cudaGraphInstantiate");
  *exec = status == cudaSuccess ? reinterpret_cast<cudaGraphExec_t>(new char) : nullptr;
  return status;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete reinterpret_cast<char*>(exec);
  return cuda_call("cudaGraphExecDestroy");
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t stream) {
  return enqueue("cudaGraphLaunch", stream);
}
