// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace idl::io {

/// A file that comes into being whole or not at all: what is written goes to a temporary file in
/// the target's folder, which commit() syncs and renames to the target. Without commit() the
/// temporary file is removed and the target stays as it was.
///
/// A process that is killed leaves its temporary file; remove_leftovers() tells it from one
/// that is still being written. A signal handler may call unlink_temporaries().
///
/// A target that is a symbolic link is followed; a target that exists and is no regular file (a
/// folder, /dev/null) is refused. An existing target's access rights are kept.
class AtomicFile {
 public:
  /// Creates the temporary file. @throws IoError
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. @throws IoError (disk full, ...)
  void write(std::span<const std::byte> bytes);

  /// Where the temporary file lies, for libraries that write to a name. They must write to this
  /// very file, not replace it.
  const std::filesystem::path& temporary_path() const { return temporary_; }

  /// Syncs the file, gives it its name and syncs the folder. To be called once, last.
  /// @throws IoError; the target is then still the old one, unless it says that only the folder
  /// could not be synced
  void commit();

  /// As commit() of each, but none gets its name before all of them are on the disk.
  static void commit_together(std::span<AtomicFile* const> files);

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  bool temporary_exists_ = false;

  bool make_temporary();
  void put_on_disk();
  void put_in_place();
  [[noreturn]] void fail(const std::string& what, int error) const;
};

/// The file that a chain of symbolic links ends at, even where that does not exist.
/// @throws IoError for links that go in circles
std::filesystem::path follow_links(std::filesystem::path path);

/// Removes the temporary files of this process, which is about to end. Safe in a signal handler.
void unlink_temporaries() noexcept;

/// Removes the temporary files in `folder` whose writers are no more. What cannot be removed stays:
/// it does no harm.
void remove_leftovers(const std::filesystem::path& folder);

}  // namespace idl::io
