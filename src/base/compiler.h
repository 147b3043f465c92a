/* The compiler's attributes under names that read well; nothing here is specific to Countersign. */
#ifndef COUNTERSIGN_BASE_COMPILER_H
#define COUNTERSIGN_BASE_COMPILER_H

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
