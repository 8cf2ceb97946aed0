// From photos to faces in C++, one JSON line a photo.
//
//   g++ -std=c++17 -O2 faces.cpp -I HEADERS -L LIBRARY -l:libonnxruntime.so.1 -o faces
//   ./faces MODEL.onnx PHOTO...
//
// HEADERS has onnxruntime_cxx_api.h of ONNX Runtime, and stb/stb_image.h (Debian: libstb-dev), which reads JPEG and PNG and
// ignores their EXIF and transparency. MODEL.onnx is what `ampnet export bundled` writes.

#define STB_IMAGE_IMPLEMENTATION
#include <onnxruntime_cxx_api.h>
#include <stb/stb_image.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

std::string quoted(const std::string& text) {
  std::string escaped = "\"";
  for (char letter : text) escaped += letter == '"' || letter == '\\' ? std::string{'\\', letter} : std::string{letter};
  return escaped + "\"";
}

int main(int count, char** arguments) {
  Ort::Env environment(ORT_LOGGING_LEVEL_ERROR);  // it would warn about each optional input
  Ort::Session session(environment, arguments[1], Ort::SessionOptions{});
  const char* inputs[] = {"photo"};
  const char* outputs[] = {"boxes", "probabilities", "class_names"};
  auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  for (int number = 2; number < count; ++number) {
    int width, height, channels;
    unsigned char* pixels = stbi_load(arguments[number], &width, &height, &channels, 3);
    if (!pixels) {
      std::fprintf(stderr, "cannot read %s\n", arguments[number]);
      return 1;
    }
    const int64_t shape[] = {height, width, 3};
    auto photo = Ort::Value::CreateTensor<uint8_t>(memory, pixels, size_t(height) * width * 3, shape, 3);
    auto found = session.Run(Ort::RunOptions{}, inputs, &photo, 1, outputs, 3);
    stbi_image_free(pixels);
    const float* boxes = found[0].GetTensorData<float>();
    const float* shares = found[1].GetTensorData<float>();
    std::vector<std::string> names;
    for (size_t index = 0; index < found[2].GetTensorTypeAndShapeInfo().GetElementCount(); ++index)
      names.push_back(found[2].GetStringTensorElement(index));
    const size_t faces = found[0].GetTensorTypeAndShapeInfo().GetShape()[0], classes = names.size();
    std::printf("{\"photo\": %s, \"faces\": [", quoted(arguments[number]).c_str());
    for (size_t face = 0; face < faces; ++face, boxes += 4, shares += classes) {
      const size_t best = std::max_element(shares, shares + classes) - shares;
      std::printf("%s{\"box\": [%f, %f, %f, %f], \"label\": %s, \"scores\": {", face ? ", " : "", boxes[0], boxes[1],
                  boxes[2], boxes[3], quoted(names[best]).c_str());
      for (size_t index = 0; index < classes; ++index)
        std::printf("%s%s: %.7f", index ? ", " : "", quoted(names[index]).c_str(), shares[index]);
      std::printf("}}");
    }
    std::printf("]}\n");
  }
}
