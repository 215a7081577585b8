# Mends imported targets that name include folders which do not exist on this machine.
#
# The ROS wheels export `<package>__rosidl_generator_py` with the Python include folder of the machine
# that built the wheel, and CMake refuses to generate. A ROS installation has no such paths, and there
# this does nothing.
function(sim2sg_drop_missing_includes)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT folders)
      continue()
    endif()
    set(kept "")
    foreach(folder IN LISTS folders)
      # Generator expressions are no absolute paths and stay as they are.
      if(NOT IS_ABSOLUTE "${folder}" OR EXISTS "${folder}")
        list(APPEND kept "${folder}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()
endfunction()
