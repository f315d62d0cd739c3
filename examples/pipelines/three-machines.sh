# The paper's programs, unchanged: the button is on pi2, the lamp on pi3, and the controller runs where the fewest bytes
# have to travel. /dev/finger presses the emulated button; on real hardware a real one does.
../programs/sensor.js | ../programs/controller.js | ../programs/actuator.js &
until [ "$(head -n 1 /dev/lamp)" = 1 ]; do
  echo 1 > /dev/finger
  echo 0 > /dev/finger
done
echo 'the lamp is lit'
kill %1
wait
