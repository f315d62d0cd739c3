#!/usr/bin/env onesh
# A script with arguments: the mean of the first ten readings of each sensor, in whole units.
for sensor in "${@:-1}"; do
  head -n 10 "/dev/sensor$sensor" | {
    sum=0
    while IFS=. read -r units hundredths; do
      sum=$((sum + units))
    done
    echo "sensor$sensor: $((sum / 10))"
  }
done
