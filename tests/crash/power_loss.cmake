# The shim that forgets what was not synced, its own proof, and the log under it. Not with a sanitizer, whose
# runtime must be the first library of a program.
if(HOLDFAST_SANITIZE)
  return()
endif()

add_executable(power_loss_apply power_loss_apply.cc)
target_link_libraries(power_loss_apply PRIVATE holdfast_options)
add_executable(power_loss_probe power_loss_probe.cc)
target_link_libraries(power_loss_probe PRIVATE holdfast_options)
add_executable(log_probe log_probe.cc)
target_link_libraries(log_probe PRIVATE holdfast_storage)

add_library(power_loss_shim MODULE power_loss_shim.cc)
target_link_libraries(power_loss_shim PRIVATE holdfast_options ${CMAKE_DL_LIBS})

holdfast_test(power_loss_test
  SOURCES log_power_loss_test.cc power_loss_shim_test.cc
  LIBS holdfast_options)
target_compile_definitions(power_loss_test PRIVATE
  LOG_PROBE="$<TARGET_FILE:log_probe>"
  POWER_LOSS_APPLY="$<TARGET_FILE:power_loss_apply>"
  POWER_LOSS_PROBE="$<TARGET_FILE:power_loss_probe>"
  POWER_LOSS_SHIM="$<TARGET_FILE:power_loss_shim>")
add_dependencies(power_loss_test log_probe power_loss_apply power_loss_probe power_loss_shim)
