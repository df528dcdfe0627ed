#include "tools/training/digest.hpp"

#include <openssl/evp.h>

#include <array>

#include "core/base/error.hpp"

namespace gnomon {

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  expect(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1 &&
             size == digest.size(),
         "sha256: the cryptographic library refused");
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace gnomon
